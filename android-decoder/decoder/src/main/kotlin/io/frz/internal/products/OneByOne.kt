package io.frz.internal.products

import io.frz.internal.Request

/**
 * A fast transform of a single, long line: it lies in [LANES] columns, which are [LANES] short lines side by side after
 * the first steps of its sum, and become one again by the last. Instances are for one thread.
 */
internal class OneByOne(
    private val product: AxisProduct,
    private val grid: Grid,
    private val source: DoubleArray,
    private val request: Request
) {
    private val rows = Array(grid.size / LANES) { DoubleArray(LANES) }
    private val sums = CosineSums(grid.size / LANES, LANES, request)
    private val joins = Joins(grid.size / LANES, request)
    private val line = DoubleArray(grid.size + padded(Kernel.TAPS))

    /** The values of line [number] on the grid, valid until the next call: [Grid.MARGIN] of them before its start. */
    fun transform(number: Int): DoubleArray {
        load(number / product.inner * product.terms * product.inner + number % product.inner)
        split()
        sums.transform(rows)
        joins.join(rows)
        collect()
        return line
    }

    private fun load(from: Int) {
        request.check()
        for (row in rows) row.fill(0.0)
        request.check()
        for (k in 0 until product.terms) rows[k / LANES][k % LANES] = source[from + k * product.inner] * grid.factors[k]
    }

    /** Adds neighbours, as the halving of a sum wants it, so that the columns become lines of their own. */
    private fun split() {
        var step = 1
        while (step < LANES) {
            for (end in grid.size downTo 2 * step + 1 step CHECKED) {
                request.check()
                for (k in end - 1 downTo maxOf(2 * step, end - CHECKED)) {
                    if (k and step == 0) continue
                    val before = k - 2 * step
                    rows[k / LANES][k % LANES] += rows[before / LANES][before % LANES]
                }
            }
            step *= 2
        }
    }

    /** Puts the values into one array, in their order, with those beyond the ends on both sides. */
    private fun collect() {
        for (lane in 0 until LANES) {
            request.check()
            for (i in rows.indices) line[Grid.MARGIN + joins.place(i, lane)] = rows[i][lane]
        }
        for (i in 0 until Grid.MARGIN) {
            line[i] = line[Grid.MARGIN + grid.mirrored(i - Grid.MARGIN)]
            line[grid.size + Grid.MARGIN + i] = line[Grid.MARGIN + grid.mirrored(grid.size + i)]
        }
    }

    companion object {
        /** How many columns there are. */
        const val LANES = 1 shl Joins.LEVELS

        /** After how many values the request is asked whether it goes on. */
        const val CHECKED = 1 shl 18

        fun workingBytes(product: AxisProduct): Long {
            val size = Grid.sizeOf(product.length, product.terms)
            return 4L * Double.SIZE_BYTES * size + CosineSums.workingBytes(size / LANES, LANES) +
                LinePoints.WORKING_BYTES
        }
    }
}

/** Joins lines of [length] sums side by side, [OneByOne.LANES] of them, to one of all, two by two. */
private class Joins(private val length: Int, private val request: Request) {
    private val divisors = (0 until LEVELS).map { CosineSums.divisors((length * OneByOne.LANES) shr it, request) }

    /** Makes the sums in [rows] those of one line; each finds its place by [place]. */
    fun join(rows: Array<DoubleArray>) {
        for (level in LEVELS - 1 downTo 0) {
            val step = 1 shl level
            val divisors = divisors[level]
            for (first in 0 until OneByOne.LANES step 2 * step) {
                request.check()
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
