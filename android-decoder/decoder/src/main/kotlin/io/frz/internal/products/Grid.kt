package io.frz.internal.products

import io.frz.internal.Request

/**
 * The points at which an axis of [length] is computed from its first [terms] coefficients. These are the points of the
 * axis if cosine sums of that length are fast and not much longer than necessary; otherwise they form a grid, from
 * which the [Kernel] interpolates.
 */
internal class Grid(private val length: Int, private val terms: Int, request: Request) {
    /** The number of points. */
    val size: Int = sizeOf(length, terms).toInt()

    /** Whether the points are those of the axis. */
    val isWhole: Boolean = size == length

    /** The factor of each coefficient, applied before the cosines are summed. */
    val factors = DoubleArray(terms) { k ->
        if (k % CHECKED == 0) request.check()
        val amplitude = Math.sqrt((if (k == 0) 1.0 else 2.0) / length)
        if (isWhole) amplitude else amplitude / Kernel.transform(Math.PI * k / size)
    }

    /**
     * Locates [count] points of the axis, starting at [first]. For each point, writes two values: to [taps], the index
     * of the first of the [Kernel.TAPS] grid points around it, where index 0 is [MARGIN] points before the grid; and to
     * [places], its place, as defined in [Kernel].
     */
    fun locate(first: Int, count: Int, taps: IntArray, places: DoubleArray) {
        val unit = 2L * length
        val position = size * (2L * first + 1) - length
        var cell = Math.floorDiv(position, unit)
        var rest = position - cell * unit
        for (i in 0 until count) {
            taps[i] = (cell + 1).toInt()
            places[i] = (2 * rest - unit) / unit.toDouble()
            rest += 2L * size
            while (rest >= unit) {
                rest -= unit
                cell++
            }
        }
    }

    /** Returns the grid point with the same value as [point], which can be up to [MARGIN] points outside the grid. */
    fun mirrored(point: Int): Int = if (point < 0) {
        -1 - point
    } else if (point >= size) {
        2 * size - 1 - point
    } else {
        point
    }

    companion object {
        /** The number of points needed beyond each end of the grid. */
        const val MARGIN = Kernel.TAPS / 2

        /** The maximum ratio of the length of a sum without interpolation to that of a sum with interpolation. */
        private const val WHOLE = 4

        /** The number of factors between checks of the request. */
        private const val CHECKED = 1 shl 16

        fun sizeOf(length: Int, terms: Int): Long {
            val least = CosineSteps.quickLength(Kernel.OVERSAMPLING * terms.toLong())
            return if (CosineSteps.isQuick(length) && length <= WHOLE * least) length.toLong() else least
        }
    }
}
