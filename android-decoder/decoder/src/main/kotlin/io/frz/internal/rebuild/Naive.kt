package io.frz.internal.rebuild

import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.bases.SeededBasis
import io.frz.internal.bases.StoredBasis
import io.frz.internal.container.Group
import io.frz.internal.dct.Output
import io.frz.internal.dct.Zigzag
import io.frz.internal.elementCount
import io.frz.internal.saturatedProduct
import io.frz.internal.values.Core
import io.frz.internal.values.Zeros
import java.nio.ByteBuffer

internal sealed class Axis(val n: Int, val r: Int) {
    open val selects get() = false
    open val exact get() = true
    abstract fun column(i: Int): DoubleArray

    class Identity(n: Int, r: Int) : Axis(n, r) {
        override val selects get() = true
        override fun column(i: Int) = DoubleArray(n).also { it[i] = 1.0 }
    }

    class Dct(n: Int, r: Int) : Axis(n, r) {
        override val exact get() = n == 1
        private val basis = io.frz.internal.dct.Basis(n)
        override fun column(i: Int) = DoubleArray(n).also { basis.function(i, 0, n, it) }
    }

    class Stored(n: Int, r: Int, factor: FloatArray) : Axis(n, r) {
        private val basis = StoredBasis(n, r, factor)
        override fun column(i: Int) = DoubleArray(n).also { basis.column(i, 0, n, it) }
    }

    class Seeded(n: Int, r: Int, seed: Long) : Axis(n, r) {
        private val basis = SeededBasis(n, r, seed)
        override fun column(i: Int) = DoubleArray(n).also { basis.column(i, 0, n, it) }
    }
}

internal class Naive(
    private val view: LongArray,
    private val box: LongArray,
    private val axes: List<Axis>,
    private val core: Core,
    private val kept: Int,
    private val group: Group,
    private val budget: Budget,
    private val held: Long
) {
    fun into(memory: ByteBuffer, request: Request) {
        Zeros.fill(memory, request)
        if (elementCount(box) == 0L || elementCount(view) == 0L) return
        if (core.isExact) return exact(memory)
        budget.require(held + 16 * saturatedProduct(1, elementCount(view)), null)
        if (axes.all { it.selects || it.r == 1 && it.exact }) {
            products(memory)
            return
        }
        var values = DoubleArray(elementCount(box).toInt())
        places { at, place -> values[place] = core.floats()[at].toDouble() }
        var shape = box.map { it.toInt() }
        for ((j, axis) in axes.withIndex()) {
            val outer = shape.take(j).fold(1, Int::times)
            val inner = shape.drop(j + 1).fold(1, Int::times)
            val out = DoubleArray(outer * axis.n * inner)
            for (i in 0 until axis.r) {
                val u = axis.column(i)
                for (a in 0 until outer) for (x in 0 until axis.n) for (b in 0 until inner) {
                    out[(a * axis.n + x) * inner + b] += u[x] * values[(a * axis.r + i) * inner + b]
                }
            }
            values = out
            shape = shape.take(j) + axis.n + shape.drop(j + 1)
        }
        val output = Output.of(group.dtype, memory)
        for (at in values.indices step 1024) {
            val part = values.copyOfRange(at, minOf(at + 1024, values.size))
            output.put(part, part.size, at)
        }
        // Elements beyond a nested corner are +0.
    }

    private fun places(visit: (at: Int, place: Int) -> Unit) {
        if (kept < 0) {
            for (at in 0 until elementCount(box).toInt()) visit(at, at)
            return
        }
        Zigzag.forEach(view, kept) { position, index ->
            var at = 0L
            for (j in index.indices) at = at * box[j] + index[j]
            visit(position, at.toInt())
        }
    }

    private fun products(memory: ByteBuffer) {
        val columns = axes.map { if (it.selects) null else it.column(0) }
        val values = FloatArray(elementCount(box).toInt())
        val there = BooleanArray(values.size)
        places { at, place ->
            values[place] = core.floats()[at]
            there[place] = true
        }
        val output = Output.of(group.dtype, memory)
        val x = IntArray(axes.size)
        val one = DoubleArray(1)
        for (at in 0 until elementCount(view).toInt()) {
            var rest = at
            for (j in axes.indices.reversed()) {
                x[j] = rest % axes[j].n
                rest /= axes[j].n
            }
            var place = 0
            var inside = true
            for (j in axes.indices) {
                val index = if (axes[j].selects) x[j] else 0
                inside = inside && index < axes[j].r
                place = place * axes[j].r + index
            }
            if (!inside || !there[place]) continue
            var value = values[place].toDouble()
            for (j in axes.indices) columns[j]?.let { value *= it[x[j]] }
            one[0] = value
            output.put(one, 1, at)
        }
    }

    private fun exact(memory: ByteBuffer) {
        val size = group.dtype.bytes
        val elements = core.elements()
        places { at, place ->
            var rest = place
            var target = 0L
            var stride = 1L
            for (j in axes.indices.reversed()) {
                target += rest % axes[j].r * stride
                rest /= axes[j].r
                stride *= axes[j].n
            }
            for (b in 0 until size) memory.put(memory.position() + (target * size).toInt() + b, elements[at * size + b])
        }
    }
}
