package io.frz.internal.products

import io.frz.internal.Request

/**
 * Computes the values of single lines at the points of their axis from those on the [grid]. Instances are not
 * thread-safe.
 */
internal class LinePoints(
    private val product: AxisProduct,
    private val grid: Grid,
    private val output: Output,
    private val request: Request
) {
    private val values = DoubleArray(Between.POINTS)
    private val taps = IntArray(Between.POINTS)
    private val places = DoubleArray(Between.POINTS)
    private val weights = Array(Kernel.TAPS) { values.clone() }
    private val ofCell = DoubleArray(Kernel.POWERS)
    private var cell = NONE

    /** Writes points [from] to [to] − 1 of line [number], whose values on the grid are [line]. */
    fun write(line: DoubleArray, number: Int, from: Int, to: Int) {
        val start = number / product.inner * product.length * product.inner + number % product.inner
        cell = NONE
        for (first in from until to step Between.POINTS) {
            request.check()
            val count = minOf(Between.POINTS, to - first)
            if (grid.isWhole) {
                System.arraycopy(line, Grid.MARGIN + first, values, 0, count)
            } else {
                interpolate(line, first, count)
            }
            val at = start + first * product.inner
            if (product.inner == 1) output.put(values, count, at) else output.scatter(values, count, at, product.inner)
        }
    }

    private fun interpolate(line: DoubleArray, first: Int, count: Int) {
        grid.locate(first, count, taps, places)
        if (product.length >= OF_A_CELL * grid.size) interpolateCells(line, count) else interpolatePoints(line, count)
    }

    /** Interpolates cell by cell: all values between two grid points are values of the same polynomial. */
    private fun interpolateCells(line: DoubleArray, count: Int) {
        var i = 0
        while (i < count) {
            val tap = taps[i]
            var end = i + 1
            while (end < count && taps[end] == tap) end++
            if (tap != cell) Kernel.combine(line, tap, ofCell)
            cell = tap
            Kernel.evaluate(ofCell, places, i, end - i, values)
            i = end
        }
    }

    private fun interpolatePoints(line: DoubleArray, count: Int) {
        Kernel.weights(places, count, weights)
        values.fill(0.0)
        for (tap in 0 until Kernel.TAPS) {
            val ofTap = weights[tap]
            for (i in 0 until count) values[i] += ofTap[i] * line[taps[i] + tap]
        }
    }

    companion object {
        /** The memory of an instance in bytes. */
        const val WORKING_BYTES = (Kernel.TAPS + 3L) * Double.SIZE_BYTES * Between.POINTS

        /** The smallest number of values between two grid points for which a common polynomial is faster. */
        private const val OF_A_CELL = 2L
        private const val NONE = -1
    }
}
