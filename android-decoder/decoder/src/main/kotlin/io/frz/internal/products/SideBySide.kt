package io.frz.internal.products

import io.frz.internal.Request

/**
 * Fast transforms of lines side by side: row k of [rows] holds the coefficients k of [width] lines, then row i their
 * values at point i of the [grid]. Instances are for one thread.
 */
internal class SideBySide(
    private val product: AxisProduct,
    private val grid: Grid,
    private val width: Int,
    private val output: Output,
    private val request: Request
) {
    private val rows = Array(grid.size) { DoubleArray(width) }
    private val sums = CosineSums(grid.size, width, request)
    private val between = if (grid.isWhole) null else Between(grid, rows, width)
    private val chunk =
        if (product.inner >= AxisProduct.LEAST_ROW) Between.POINTS else minOf(BLOCKS, Panel.LENGTH / product.inner)
    private val stage = DoubleArray(Panel.LENGTH)

    /** Transforms the [count] lines of [source] from [first] on, and writes the result. */
    fun run(source: DoubleArray, first: Int, count: Int) {
        if (product.inner >= AxisProduct.LEAST_ROW) loadRows(source, first, count) else load(source, first, count)
        request.check()
        sums.transform(rows)
        between?.mirror()
        for (point in 0 until product.length step chunk) {
            request.check()
            val points = minOf(chunk, product.length - point)
            val values = between?.values(point, points) ?: rows
            val at = if (between == null) point else 0
            val start = first / product.inner * product.length + point
            if (product.inner >= AxisProduct.LEAST_ROW) {
                writeRows(values, at, points, first, count, start)
            } else {
                writeLines(values, at, points, count, start)
            }
        }
    }

    /** Few coefficients of each line at a time, which lie beside each other if the lines do not. */
    private fun load(source: DoubleArray, first: Int, count: Int) {
        val inner = product.inner
        for (from in 0 until product.terms step BLOCK) {
            val to = minOf(from + BLOCK, product.terms)
            for (lane in 0 until count) {
                val line = first + lane
                val start = line / inner * product.terms * inner + line % inner
                for (k in from until to) rows[k][lane] = source[start + k * inner] * grid.factors[k]
            }
        }
        for (k in product.terms until grid.size) rows[k].fill(0.0)
    }

    private fun loadRows(source: DoubleArray, first: Int, count: Int) {
        val inner = product.inner
        val start = first / inner * product.terms * inner + first % inner
        for (k in 0 until product.terms) {
            val row = rows[k]
            val factor = grid.factors[k]
            System.arraycopy(source, start + k * inner, row, 0, count)
            for (lane in 0 until count) row[lane] *= factor
        }
        for (k in product.terms until grid.size) rows[k].fill(0.0)
    }

    /** All lines are of one outer index. */
    private fun writeRows(rows: Array<DoubleArray>, at: Int, points: Int, first: Int, count: Int, start: Int) {
        for (i in 0 until points) output.put(rows[at + i], count, (start + i) * product.inner + first % product.inner)
    }

    /** The lines are those of whole outer indices. */
    private fun writeLines(rows: Array<DoubleArray>, at: Int, points: Int, count: Int, start: Int) {
        val inner = product.inner
        for (a in 0 until count / inner) {
            for (i in 0 until points) {
                val row = rows[at + i]
                for (b in 0 until inner) stage[i * inner + b] = row[a * inner + b]
            }
            output.put(stage, points * inner, (a * product.length + start) * inner)
        }
    }

    companion object {
        /** How many values of a line are gathered at a time. */
        private const val BLOCK = 8

        /** How many values of a line are written at a time, where they are gathered. */
        private const val BLOCKS = 64

        /** How many values are transformed at a time, and how many so that lines of them are worth while. */
        private const val VALUES = 1L shl 18
        private const val MOST_VALUES = 1L shl 20
        private const val MOST_WIDTH = 64L

        /** Fewer lines than this are better transformed one by one. */
        const val LEAST_WIDTH = 8L

        /** How many lines of a product are transformed at a time; 0 if they are too long for that. */
        fun widthOf(lines: Long, terms: Int, length: Int, inner: Long): Int {
            val size = Grid.sizeOf(length, terms)
            val fitting = minOf(MOST_WIDTH, maxOf(VALUES / size, minOf(LEAST_WIDTH, MOST_VALUES / size)))
            val isOfRows = inner >= AxisProduct.LEAST_ROW
            return (if (isOfRows) minOf(fitting, inner) else minOf(fitting, lines) / inner * inner).toInt()
        }

        fun widthOf(product: AxisProduct): Int =
            widthOf(product.lines.toLong(), product.terms, product.length, product.inner.toLong())

        fun workingBytes(product: AxisProduct): Long {
            val size = Grid.sizeOf(product.length, product.terms)
            val width = widthOf(product)
            return size * (Double.SIZE_BYTES * width + ROW_BYTES) + CosineSums.workingBytes(size, width) +
                Between.workingBytes(width)
        }

        /** What a row takes beside its values: its header, and the places it is referred to from. */
        private const val ROW_BYTES = 40L
    }
}
