package io.frz.internal.products

/** The values of lines side by side between the points of their [grid], of which [rows] holds those of each point. */
internal class Between(private val grid: Grid, private val rows: Array<DoubleArray>, private val width: Int) {
    private val results = Array(POINTS) { DoubleArray(width) }
    private val extended = Array(grid.size + padded(Kernel.TAPS)) { rows[0] }
    private val taps = IntArray(POINTS)
    private val places = DoubleArray(POINTS)
    private val weights = Array(Kernel.TAPS) { DoubleArray(POINTS) }
    private val ofPoint = DoubleArray(padded(Kernel.TAPS))

    /** Takes note that the rows are others. */
    fun mirror() {
        for (i in 0 until grid.size + Kernel.TAPS) extended[i] = rows[grid.mirrored(i - Grid.MARGIN)]
    }

    /** The values at the [count] points of the axis from [first] on, no more than [POINTS], a row each. */
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
        /** How many points are made at a time. */
        const val POINTS = 256

        fun workingBytes(width: Int): Long = Double.SIZE_BYTES * (width + Kernel.TAPS + 2L) * POINTS
    }
}
