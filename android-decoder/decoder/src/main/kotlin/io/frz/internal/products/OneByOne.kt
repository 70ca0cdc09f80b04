package io.frz.internal.products

import io.frz.internal.Request
import io.frz.internal.bases.Wave

/**
 * The fast transform of a single long line. The line is split into [LANES] short lines, which are transformed side by
 * side as columns and then joined. Instances are not thread-safe.
 */
internal class OneByOne(
    private val product: AxisProduct,
    private val grid: Grid,
    steps: CosineSteps,
    private val source: DoubleArray,
    private val request: Request
) {
    private val rows = Array(grid.size / LANES) { DoubleArray(LANES) }
    private val sums = CosineSums(steps, LANES, request)
    private val joins = Joins(grid.size / LANES, request)
    private val line = DoubleArray(grid.size + padded(Kernel.TAPS))

    /**
     * Returns the values of line [number] on the grid, preceded by [Grid.MARGIN] mirrored values. The array is valid
     * until the next call.
     */
    fun transform(number: Int): DoubleArray {
        load(number / product.inner * product.terms * product.inner + number % product.inner)
        split()
        sums.transform(rows)
        collect()
        return line
    }

    private fun load(from: Int) {
        request.check()
        for (row in rows) row.fill(0.0)
        request.check()
        for (k in 0 until product.terms) rows[k / LANES][k % LANES] = source[from + k * product.inner] * grid.factors[k]
    }

    /**
     * Splits the sum into independent sums, one for each column, by adding neighboring terms at each level. A level
     * needs the previous row after the lower levels have processed it, so it runs one row behind the level below, while
     * the rows are still cached.
     */
    private fun split() {
        for (turn in 0 until rows.size + Joins.LEVELS - 1) {
            if (turn % CHECKED_ROWS == 0) request.check()
            for (level in 0 until Joins.LEVELS) {
                val row = rows.size - 1 - turn + level
                if (row in rows.indices) addNeighbors(rows[row], rows.getOrNull(row - 1), 1 shl level)
            }
        }
    }

    private fun addNeighbors(row: DoubleArray, before: DoubleArray?, step: Int) {
        for (lane in LANES - 1 downTo 2 * step) if (lane and step != 0) row[lane] += row[lane - 2 * step]
        if (before != null) for (lane in step until 2 * step) row[lane] += before[LANES + lane - 2 * step]
    }

    /**
     * Joins the columns and collects the values in order in one array, which also contains mirrored values beyond both
     * ends.
     */
    private fun collect() {
        for (i in rows.indices) {
            if (i % CHECKED_ROWS == 0) request.check()
            joins.join(rows[i], i)
            joins.copy(rows[i], i, line, Grid.MARGIN)
        }
        for (i in 0 until Grid.MARGIN) {
            line[i] = line[Grid.MARGIN + grid.mirrored(i - Grid.MARGIN)]
            line[grid.size + Grid.MARGIN + i] = line[Grid.MARGIN + grid.mirrored(grid.size + i)]
        }
    }

    companion object {
        /** The number of columns. */
        const val LANES = 1 shl Joins.LEVELS

        /** The number of rows between checks of the request. */
        private const val CHECKED_ROWS = 1 shl 10

        fun workingBytes(product: AxisProduct): Long {
            val size = Grid.sizeOf(product.length, product.terms)
            return 4L * Double.SIZE_BYTES * size + CosineSums.workingBytes(size / LANES, LANES) +
                LinePoints.WORKING_BYTES
        }
    }
}

/** Joins [OneByOne.LANES] lines of [length] sums into one line, pair by pair. */
private class Joins(private val length: Int, request: Request) {
    private val divisors = (0 until LEVELS).map { divisors((length * OneByOne.LANES) shr it, request) }

    /** For each level and lane, the place of its value in the first row. Places rise or fall by one from row to row. */
    private val starts = Array(LEVELS + 1) { last -> IntArray(OneByOne.LANES) { lane -> place(0, lane, last) } }
    private val rises = Array(LEVELS + 1) { last ->
        IntArray(OneByOne.LANES) { lane -> place(1, lane, last) - place(0, lane, last) }
    }

    /** Joins the sums in [row], which has the index [i]. */
    fun join(row: DoubleArray, i: Int) {
        for (level in LEVELS - 1 downTo 0) {
            val step = 1 shl level
            val divisors = divisors[level]
            val starts = starts[level + 1]
            val rises = rises[level + 1]
            for (first in 0 until OneByOne.LANES step 2 * step) {
                combine(row, first, step, divisors[starts[first] + i * rises[first]])
            }
        }
    }

    private fun combine(row: DoubleArray, first: Int, step: Int, factor: Double) {
        for (lane in first until first + step) {
            val product = row[lane + step] * factor
            row[lane + step] = row[lane] - product
            row[lane] += product
        }
    }

    /** Copies the values of [row], which has the index [i], to their places in [line], offset by [margin]. */
    fun copy(row: DoubleArray, i: Int, line: DoubleArray, margin: Int) {
        val starts = starts[0]
        val rises = rises[0]
        for (lane in 0 until OneByOne.LANES) line[margin + starts[lane] + i * rises[lane]] = row[lane]
    }

    /** Returns the place of the value in [row] and [lane] after the levels down to [last] have been joined. */
    private fun place(row: Int, lane: Int, last: Int): Int {
        var place = row
        var size = length
        for (level in LEVELS - 1 downTo last) {
            size *= 2
            if (lane shr level and 1 == 1) place = size - 1 - place
        }
        return place
    }

    companion object {
        const val LEVELS = 6
        private const val CHECKED = 1 shl 16

        /** Returns the reciprocals of the divisors of the sums over odd k, for sums of [count] terms. */
        private fun divisors(count: Int, request: Request): DoubleArray {
            val divisors = DoubleArray(count / 2)
            val wave = Wave(count)
            for (from in divisors.indices step CHECKED) {
                request.check()
                val to = minOf(from + CHECKED, divisors.size)
                // The divisors are computed as sines, starting with the smallest, so that small ones are accurate as
                // well.
                wave.sines(2L * from + 1, 2, to - from, 2.0, divisors, from)
                for (i in from until to) divisors[i] = 1 / divisors[i]
            }
            divisors.reverse()
            return divisors
        }
    }
}
