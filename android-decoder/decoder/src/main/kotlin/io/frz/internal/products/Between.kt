package io.frz.internal.products

/**
 * Interpolates lines side by side between the points of their [grid]; each of [rows] contains the values of all lines
 * at one point.
 */
internal class Between(private val grid: Grid, private val rows: Array<DoubleArray>, private val width: Int) {
    private val results = Array(POINTS) { DoubleArray(width) }
    private val extended = Array(grid.size + padded(Kernel.TAPS)) { rows[0] }
    private val taps = IntArray(POINTS)
    private val places = DoubleArray(POINTS)
    private val weights = Array(Kernel.TAPS) { DoubleArray(POINTS) }
    private val ofPoint = DoubleArray(padded(Kernel.TAPS))

    /** Updates the mirrored rows. Must be called whenever rows have been replaced. */
    fun mirror() {
        for (i in 0 until grid.size + Kernel.TAPS) extended[i] = rows[grid.mirrored(i - Grid.MARGIN)]
    }

    /**
     * Returns the values at [count] points of the axis, starting at [first]: one row for each point. [count] is at most
     * [POINTS].
     */
    fun values(first: Int, count: Int): Array<DoubleArray> {
        grid.locate(first, count, taps, places)
        Kernel.weights(places, count, weights)
        for (i in 0 until count) {
            for (tap in 0 until Kernel.TAPS) ofPoint[tap] = weights[tap][i]
            sumRows(results[i], extended, taps[i], Kernel.TAPS, ofPoint, 0, width)
        }
        return results
    }

    companion object {
        /** The maximum number of points computed at a time. */
        const val POINTS = 256

        fun workingBytes(width: Int): Long = Double.SIZE_BYTES * (width + Kernel.TAPS + 2L) * POINTS
    }
}
