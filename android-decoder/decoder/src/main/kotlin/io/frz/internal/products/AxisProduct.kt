package io.frz.internal.products

import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.bases.Basis
import io.frz.internal.saturatedProduct

/**
 * One step of the inverse transform: multiplies an array of shape ([outer], [terms], [inner]) along its middle axis by
 * the first [terms] functions of a [basis]. The result has the shape ([outer], [length], [inner]).
 */
internal class AxisProduct(val outer: Int, val terms: Int, val basis: Basis, val inner: Int) {
    /** The number of points of the axis. */
    val length: Int get() = basis.length

    /** The number of lines. */
    val lines: Int = outer * inner

    private val method = Method.of(outer.toLong() * inner, terms, basis.length, inner.toLong(), basis.hasTransform)

    /** Whether values are plain sums of products, which can be computed in binary32 if that is accurate enough. */
    val isPlain: Boolean get() = method == Method.ROWS || method == Method.FUNCTIONS

    /**
     * Returns the memory in bytes that the step needs on [threads] threads, in addition to the source and the result.
     */
    fun workingBytes(threads: Int): Long = when (method) {
        Method.SIDE_BY_SIDE -> Transforms.workingBytes(this, SideBySide.workingBytes(this), threads)
        Method.ONE_BY_ONE -> Transforms.workingBytes(this, OneByOne.workingBytes(this), threads)
        Method.BLOCKS -> BlockProduct.workingBytes(this, threads)
        else -> saturatedProduct(threads.toLong(), DirectProduct.workingBytes(this))
    }

    /** Writes the result to [target]. */
    fun multiply(source: DoubleArray, target: Destination, workers: Workers, request: Request) = when (method) {
        Method.ROWS -> workers.split(length, leastPart(lines), request) { from, to ->
            DirectProduct(this, source, target, request).combineRows(from, to)
        }

        Method.FUNCTIONS -> workers.split(outer, leastPart(length.toLong() * inner), request) { from, to ->
            DirectProduct(this, source, target, request).combineFunctions(from, to)
        }

        Method.BLOCKS -> BlockProduct(this, source, target, request).run(workers)

        Method.SIDE_BY_SIDE -> Transforms(this, source, target, request).sideBySide(workers)

        Method.ONE_BY_ONE -> Transforms(this, source, target, request).oneByOne(workers)
    }

    companion object {
        /** Rows shorter than this are gathered before they are written. */
        const val LEAST_ROW = 32
        private const val THREAD_VALUES = 1L shl 17

        /** Returns the smallest number of slices, of [values] values each, for which another thread pays off. */
        fun leastPart(values: Number): Int = (THREAD_VALUES / maxOf(1, values.toLong())).toInt() + 1
    }
}
