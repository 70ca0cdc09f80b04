package io.frz.internal.products

import io.frz.internal.Request

/**
 * Fast transforms of lines side by side. Before a transform, row k of [rows] contains coefficient k of each of [width]
 * lines; afterwards, row i contains their values at point i of the [grid]. Instances are not thread-safe.
 */
internal class SideBySide(
    private val product: AxisProduct,
    private val grid: Grid,
    steps: CosineSteps,
    private val width: Int,
    private val output: Output,
    private val request: Request
) {
    private val inner = product.inner
    private val areRows = inner >= AxisProduct.LEAST_ROW
    private val rows = Array(grid.size) { DoubleArray(width) }
    private val sums = CosineSums(steps, width, request)
    private val between = if (grid.isWhole) null else Between(grid, rows, width)
    private val chunk = if (areRows) Between.POINTS else minOf(BLOCKS, Panel.LENGTH / inner)
    private val places = IntArray(width)
    private val stage = DoubleArray(if (areRows) 0 else width * chunk)

    /** Transforms [count] lines of [source], starting at line [first], and writes the result. */
    fun run(source: DoubleArray, first: Int, count: Int) {
        if (areRows) loadRows(source, first, count) else load(source, first, count)
        for (k in product.terms until grid.size) rows[k].fill(0.0)
        request.check()
        sums.transform(rows)
        between?.mirror()
        for (point in 0 until product.length step chunk) {
            request.check()
            val points = minOf(chunk, product.length - point)
            val values = between?.values(point, points) ?: rows
            val at = if (between == null) point else 0
            val start = first / inner * product.length + point
            if (areRows) {
                writeRows(values, at, points, first, count, start)
            } else {
                writeLines(values, at, points, count, start)
            }
        }
    }

    /** Loads a few lines at a time, so that each cache line is used up before it is evicted. */
    private fun load(source: DoubleArray, first: Int, count: Int) {
        for (lane in 0 until count) {
            val line = first + lane
            places[lane] = line / inner * product.terms * inner + line % inner
        }
        val whole = product.terms / STRIP * STRIP
        for (lane in 0 until count step LANES) {
            val to = minOf(lane + LANES, count)
            for (k in 0 until whole step STRIP) loadFour(source, k, lane, to)
            for (k in whole until product.terms) {
                for (i in lane until to) rows[k][i] = source[places[i] + k * inner] * grid.factors[k]
            }
        }
    }

    /** Loads coefficients [k] to k + 3 of lines [from] to [to] − 1. */
    private fun loadFour(source: DoubleArray, k: Int, from: Int, to: Int) {
        val r0 = rows[k]
        val r1 = rows[k + 1]
        val r2 = rows[k + 2]
        val r3 = rows[k + 3]
        val f0 = grid.factors[k]
        val f1 = grid.factors[k + 1]
        val f2 = grid.factors[k + 2]
        val f3 = grid.factors[k + 3]
        for (lane in from until to) {
            val at = places[lane] + k * inner
            r0[lane] = source[at] * f0
            r1[lane] = source[at + inner] * f1
            r2[lane] = source[at + 2 * inner] * f2
            r3[lane] = source[at + 3 * inner] * f3
        }
    }

    private fun loadRows(source: DoubleArray, first: Int, count: Int) {
        val start = first / inner * product.terms * inner + first % inner
        for (k in 0 until product.terms) {
            val row = rows[k]
            val factor = grid.factors[k]
            System.arraycopy(source, start + k * inner, row, 0, count)
            for (lane in 0 until count) row[lane] *= factor
        }
    }

    /** Writes lines that have the same outer index. */
    private fun writeRows(rows: Array<DoubleArray>, at: Int, points: Int, first: Int, count: Int, start: Int) {
        for (i in 0 until points) output.put(rows[at + i], count, (start + i) * inner + first % inner)
    }

    /** Writes all lines of several outer indices. */
    private fun writeLines(rows: Array<DoubleArray>, at: Int, points: Int, count: Int, start: Int) {
        val size = points * inner
        for (lane in 0 until count) places[lane] = lane / inner * size + lane % inner
        val whole = points / STRIP * STRIP
        for (i in 0 until whole step STRIP) stageFour(rows, at + i, i, count)
        for (i in whole until points) {
            for (lane in 0 until count) stage[places[lane] + i * inner] = rows[at + i][lane]
        }
        for (a in 0 until count / inner) output.put(stage, size, (a * product.length + start) * inner, a * size)
    }

    /** Stages the values of four points, starting at [i]. */
    private fun stageFour(rows: Array<DoubleArray>, row: Int, i: Int, count: Int) {
        val r0 = rows[row]
        val r1 = rows[row + 1]
        val r2 = rows[row + 2]
        val r3 = rows[row + 3]
        for (lane in 0 until count) {
            val at = places[lane] + i * inner
            stage[at] = r0[lane]
            stage[at + inner] = r1[lane]
            stage[at + 2 * inner] = r2[lane]
            stage[at + 3 * inner] = r3[lane]
        }
    }

    companion object {
        /** The number of points written at a time when lines are gathered. */
        private const val BLOCKS = 128

        /** The number of lines loaded at a time. */
        private const val LANES = 8

        /** The usual number of values transformed at a time. */
        private const val VALUES = 1L shl 18

        /** The maximum number of values transformed at a time, if rows would otherwise be shorter than [LONG_ROW]. */
        private const val MOST_VALUES = 1L shl 21
        private const val MOST_WIDTH = 64L
        private const val LONG_ROW = 32L

        /** The smallest number of lines for which transforms side by side are faster than transforms one by one. */
        const val LEAST_WIDTH = 8L

        /** Returns the number of lines transformed at a time; 0 if they are too long to be transformed side by side. */
        fun widthOf(lines: Long, terms: Int, length: Int, inner: Long): Int {
            val size = Grid.sizeOf(length, terms)
            val fitting = minOf(MOST_WIDTH, maxOf(VALUES / size, minOf(LONG_ROW, MOST_VALUES / size)))
            val isOfRows = inner >= AxisProduct.LEAST_ROW
            return (if (isOfRows) minOf(fitting, inner) else minOf(fitting, lines) / inner * inner).toInt()
        }

        fun widthOf(product: AxisProduct): Int =
            widthOf(product.lines.toLong(), product.terms, product.length, product.inner.toLong())

        fun workingBytes(product: AxisProduct): Long {
            val size = Grid.sizeOf(product.length, product.terms)
            val width = widthOf(product)
            return size * (Double.SIZE_BYTES * width + ROW_BYTES) + CosineSums.workingBytes(size, width) +
                Between.workingBytes(width) + Double.SIZE_BYTES * BLOCKS * (width + 1L)
        }

        /** The memory of a row in bytes, excluding its values: its header and the references to it. */
        private const val ROW_BYTES = 40L
    }
}
