package io.frz.internal.rebuild

import io.frz.DType
import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.products.ArrayDestination
import io.frz.internal.products.AxisProduct
import io.frz.internal.products.FloatBound
import io.frz.internal.products.MemoryDestination
import io.frz.internal.products.Output
import io.frz.internal.products.Panel
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum
import io.frz.internal.values.Zeros
import java.nio.ByteBuffer

/**
 * Rebuilds tensors whose elements are sums: multiplies the core by one basis after another. If the first axis has no
 * basis, each of its entries produces an independent piece of the tensor. The pieces are multiplied in small batches,
 * which need little memory and stay in the cache.
 *
 * @param axes the axes, at least one of which has a basis
 */
internal class Contraction(
    axes: List<Axis>,
    private val dtype: DType,
    private val tensor: String?,
    private val workers: Workers
) {
    private val pieces = axes.first().run { if (basis == null) terms else 1 }
    private val axes = if (axes.first().basis == null) axes.drop(1) else axes
    private val lines = Lines.of(this.axes)
    private val hasRest = axes.first().isCut || !lines.areAll

    /** The number of core entries of a piece. */
    private val entries = this.axes.fold(1) { product, axis -> product * axis.terms }

    /** The number of elements of a piece. */
    private val elements = this.axes.fold(1) { product, axis -> product * axis.length }

    /** The number of pieces multiplied at a time. */
    private val batch = minOf(pieces, maxOf(1, VALUES / elements, minOf(LEAST_BATCH, MOST_VALUES / elements)))

    /** Whether threads share the batches rather than the work on each batch. */
    private val isShared = batch < pieces && batch.toLong() * elements < SHARED_VALUES
    private val inner = if (isShared) Workers(1) else workers
    private val plan = plan(batch)

    /** The plan for the last batch. */
    private val lastPlan = if (pieces % batch == 0) plan else plan(pieces % batch)

    /** The sizes of the arrays of a thread; see [Plan.arrays]. */
    private val sizes = IntArray(2) { maxOf(plan.arrays[it], lastPlan.arrays[it]).toInt() }

    /** The memory needed in addition to the core and the result, in bytes. */
    val workingBytes: Long
        get() {
            val arrays = Double.SIZE_BYTES * sizes.sumOf { it.toLong() }
            val steps = maxOf(plan.workingBytes, lastPlan.workingBytes)
            return saturatedProduct(if (isShared) workers.count.toLong() else 1, saturatedSum(arrays, steps))
        }

    private fun plan(count: Int) = Plan(count, axes, tensor, inner.count, lines.areAll)

    /** Fills [target] from its position to its limit with the weights of [core], a corner in row-major order. */
    fun into(core: FloatArray, target: ByteBuffer, request: Request) {
        if (hasRest) Zeros.fill(target, request)
        val batches = (pieces + batch - 1) / batch
        Budget.allocating(workingBytes, tensor) {
            if (isShared) {
                workers.split(batches, SHARED_VALUES / (batch * elements), request) { from, to ->
                    Steps(core, target, request).run { for (number in from until to) make(number) }
                }
            } else {
                Steps(core, target, request).run { for (number in 0 until batches) make(number) }
            }
        }
    }

    /** Multiplies batches one after the other, reusing the same arrays. */
    private inner class Steps(
        private val core: FloatArray,
        private val target: ByteBuffer,
        private val request: Request
    ) {
        private var values = DoubleArray(sizes[0])
        private var spare = DoubleArray(sizes[1])

        fun make(number: Int) {
            request.check()
            val first = number * batch
            val count = minOf(batch, pieces - first)
            val plan = if (count == batch) plan else lastPlan
            load(first * entries, count * entries)
            for (product in plan.products.dropLast(1)) expand(product)
            val last = plan.products.last()
            val memory = memory(first, count)
            if (lines.areAll) {
                val isFloat = dtype == DType.F32 && FloatBound.allows(last, values, request)
                last.multiply(values, MemoryDestination(dtype, memory, isFloat), inner, request)
            } else {
                expand(last)
                copy(count, Output.of(dtype, memory))
            }
            // The next cores must again be loaded into the first array.
            if ((plan.products.size - if (lines.areAll) 1 else 0) % 2 == 1) swap()
        }

        private fun load(from: Int, count: Int) {
            for (start in 0 until count step CHUNK) {
                request.check()
                for (i in start until minOf(count, start + CHUNK)) values[i] = core[from + i].toDouble()
            }
        }

        private fun expand(product: AxisProduct) {
            product.multiply(values, ArrayDestination(spare), inner, request)
            swap()
        }

        private fun swap() {
            values = spare.also { spare = values }
        }

        private fun memory(first: Int, count: Int): ByteBuffer {
            val memory = target.duplicate()
            val start = memory.position() + first * elements * dtype.bytes
            memory.limit(start + count * elements * dtype.bytes).position(start)
            return memory
        }

        /** Copies the values of [count] pieces to their places. Pieces can have more elements than values. */
        private fun copy(count: Int, output: Output) {
            val chunk = DoubleArray(Panel.LENGTH)
            for (number in 0 until count * lines.count) {
                val to = number / lines.count * elements + lines.start(number % lines.count)
                for (start in 0 until lines.length step chunk.size) {
                    val part = minOf(chunk.size, lines.length - start)
                    System.arraycopy(values, number * lines.length + start, chunk, 0, part)
                    output.put(chunk, part, to + start)
                }
            }
        }
    }

    private companion object {
        /** The maximum number of elements in a batch of small pieces. */
        const val VALUES = 1 shl 16
        const val MOST_VALUES = 1 shl 20
        const val LEAST_BATCH = 8

        /** The smallest number of values for which sharing the work among threads pays off. */
        const val SHARED_VALUES = 1 shl 17
        const val CHUNK = 1 shl 16
    }
}
