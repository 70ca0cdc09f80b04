package io.frz.internal.rebuild

import io.frz.DType
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.bases.Basis
import io.frz.internal.products.Output
import io.frz.internal.products.Panel
import io.frz.internal.values.Zeros
import java.nio.ByteBuffer

/**
 * Rebuilds tensors whose elements are products of one core entry and one number from each basis, without sums. The
 * products are computed in binary64 in the order of the axes, so the results are bit-identical on all machines; see
 * section 8 of the specification.
 *
 * @param axes the axes; those with a basis have one term
 */
internal class Products(private val axes: List<Axis>, private val core: FloatArray, private val dtype: DType) {
    private val lines = Lines.of(axes)
    private val step = minOf(lines.length, Panel.LENGTH)
    private val parts = (lines.length + step - 1) / step
    private val columns = axes.dropLast(1).map { axis -> axis.basis?.let { column(it) } }
    private val last = axes.last()

    /** For each axis, the distance between neighboring core entries, or 0 if the axis has a basis. */
    private val strides = IntArray(axes.size)

    init {
        var stride = 1
        for (j in axes.indices.reversed()) {
            if (axes[j].basis == null) strides[j] = stride
            stride *= axes[j].terms
        }
    }

    private fun column(basis: Basis) = DoubleArray(basis.length).also { basis.function(0, 0, basis.length, it) }

    /** Fills [memory] with the elements. */
    fun into(memory: ByteBuffer, workers: Workers, request: Request) {
        if (!lines.areAll) Zeros.fill(memory, request)
        workers.split(lines.count * parts, LEAST_VALUES / step + 1, request) { from, to ->
            val writer = Writer(Output.of(dtype, memory))
            for (part in from until to) {
                if ((part - from) % CHECKED == 0) request.check()
                writer.write(part / parts, part % parts * step)
            }
        }
    }

    private inner class Writer(private val output: Output) {
        private val values = DoubleArray(step)
        private val index = IntArray(axes.size)

        /** Writes the part of line [number] that begins at [start]. */
        fun write(number: Int, start: Int) {
            locate(number)
            var entry = start * strides.last()
            for (j in 0 until axes.size - 1) entry += index[j] * strides[j]
            val count = minOf(step, lines.length - start)
            if (last.basis == null) line(entry, count) else function(last.basis, entry, start, count)
            output.put(values, count, lines.start(number) + start)
        }

        private fun locate(number: Int) {
            var rest = number
            for (j in axes.size - 2 downTo 0) {
                val size = axes[j].run { if (basis == null) terms else length }
                index[j] = rest % size
                rest /= size
            }
        }

        private fun line(entry: Int, count: Int) {
            for (x in 0 until count) values[x] = core[entry + x].toDouble()
            for (j in columns.indices) {
                val factor = columns[j]?.get(index[j]) ?: continue
                for (x in 0 until count) values[x] *= factor
            }
        }

        private fun function(basis: Basis, entry: Int, start: Int, count: Int) {
            var value = core[entry].toDouble()
            for (j in columns.indices) columns[j]?.let { value *= it[index[j]] }
            basis.function(0, start, count, values)
            for (x in 0 until count) values[x] *= value
        }
    }

    companion object {
        private const val LEAST_VALUES = 1 shl 17
        private const val CHECKED = 64

        /** Returns whether the elements of tensors with these [axes] are products without sums. */
        fun make(axes: List<Axis>): Boolean = axes.all { axis ->
            axis.basis == null || (axis.terms == 1 && !axis.basis.hasTransform)
        }

        /** Returns the memory needed in addition to the core, in bytes. */
        fun workingBytes(axes: List<Axis>): Long =
            Double.SIZE_BYTES * axes.dropLast(1).fold(0L) { sum, axis -> sum + (axis.basis?.length ?: 0) }
    }
}
