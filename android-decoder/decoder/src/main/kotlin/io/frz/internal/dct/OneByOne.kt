package io.frz.internal.dct

import io.frz.internal.Request

/**
 * Fast transforms of single lines, long ones: a line lies in [LANES] columns, which are [LANES] short lines side by side
 * after the first steps of its sum, and become one again by the last. Instances are for one thread.
 */
internal class OneByOne(
    private val product: AxisProduct,
    private val grid: Grid,
    private val output: Output,
    private val request: Request
) {
    private val rows = Array(grid.size / LANES) { DoubleArray(LANES) }
    private val sums = CosineSums(grid.size / LANES, LANES)
    private val joins = Joins(grid.size / LANES)
    private val line = DoubleArray(grid.size + padded(Kernel.TAPS))
    private val values = DoubleArray(Between.POINTS)
    private val taps = IntArray(Between.POINTS)
    private val places = DoubleArray(Between.POINTS)
    private val weights = Array(Kernel.TAPS) { values.clone() }
    private val ofCell = DoubleArray(Kernel.POWERS)
    private var cell = -1

    /** Transforms line [number] of [source], and writes the result. */
    fun run(source: DoubleArray, number: Int) {
        val outer = number / product.inner
        val b = number % product.inner
        load(source, outer * product.terms * product.inner + b)
        split()
        sums.transform(rows)
        joins.join(rows)
        collect()
        cell = -1
        for (point in 0 until product.length step Between.POINTS) {
            val count = minOf(Between.POINTS, product.length - point)
            if (grid.isWhole) {
                System.arraycopy(
                    line,
                    Grid.MARGIN + point,
                    values,
                    0,
                    count
                )
            } else {
                interpolate(point, count)
            }
            output.put(values, count, (outer * product.length + point) * product.inner + b, product.inner)
        }
    }

    private fun load(source: DoubleArray, from: Int) {
        for (row in rows) row.fill(0.0)
        for (k in 0 until product.terms) rows[k / LANES][k % LANES] = source[from + k * product.inner] * grid.factors[k]
    }

    /** Adds neighbours, as the halving of a sum wants it, so that the columns become lines of their own. */
    private fun split() {
        var step = 1
        while (step < LANES) {
            for (k in grid.size - 1 downTo 2 * step) {
                if (k and step == 0) continue
                val before = k - 2 * step
                rows[k / LANES][k % LANES] += rows[before / LANES][before % LANES]
            }
            step *= 2
        }
    }

    /** Puts the values into one array, in their order, with those beyond the ends on both sides. */
    private fun collect() {
        for (lane in 0 until LANES) {
            for (i in rows.indices) line[Grid.MARGIN + joins.place(i, lane)] = rows[i][lane]
        }
        for (i in 0 until Grid.MARGIN) {
            line[i] = line[Grid.MARGIN + grid.mirrored(i - Grid.MARGIN)]
            line[grid.size + Grid.MARGIN + i] = line[Grid.MARGIN + grid.mirrored(grid.size + i)]
        }
    }

    private fun interpolate(first: Int, count: Int) {
        grid.locate(first, count, taps, places)
        if (product.length >= OF_A_CELL * grid.size) interpolateCells(count) else interpolatePoints(count)
    }

    /** Between two points of the grid, all values are those of one polynomial. */
    private fun interpolateCells(count: Int) {
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

    private fun interpolatePoints(count: Int) {
        Kernel.weights(places, count, weights)
        values.fill(0.0)
        for (tap in 0 until Kernel.TAPS) {
            val ofTap = weights[tap]
            for (i in 0 until count) values[i] += ofTap[i] * line[taps[i] + tap]
        }
    }

    companion object {
        /** How many columns there are. */
        const val LANES = 1 shl Joins.LEVELS

        /** How many values there are between two points of the grid where one polynomial for them is worth while. */
        private const val OF_A_CELL = 2L

        fun workingBytes(product: AxisProduct): Long {
            val size = Grid.sizeOf(product.length, product.terms)
            return 4L * Double.SIZE_BYTES * size + CosineSums.workingBytes(size / LANES, LANES)
        }
    }
}

/** Joins lines of [length] sums side by side, [OneByOne.LANES] of them, to one of all, two by two. */
private class Joins(private val length: Int) {
    private val divisors = (0 until LEVELS).map { level -> CosineSums.divisors((length * OneByOne.LANES) shr level) }

    /** Makes the sums in [rows] those of one line; each finds its place by [place]. */
    fun join(rows: Array<DoubleArray>) {
        for (level in LEVELS - 1 downTo 0) {
            val step = 1 shl level
            val divisors = divisors[level]
            for (first in 0 until OneByOne.LANES step 2 * step) {
                for (i in rows.indices) combine(rows[i], first, step, divisors[place(i, first, level + 1)])
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

    /** The place in a line of what is in [row] and [lane] when the levels down to [last] have been joined. */
    fun place(row: Int, lane: Int, last: Int = 0): Int {
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
    }
}
