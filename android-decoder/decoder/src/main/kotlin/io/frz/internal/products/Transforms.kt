package io.frz.internal.products

import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.saturatedProduct

/** Computes the fast transforms of all lines of a [product] on several threads. */
internal class Transforms(
    private val product: AxisProduct,
    private val source: DoubleArray,
    private val target: Destination,
    private val request: Request
) {
    private val grid = Grid(product.length, product.terms, request)

    /** Transforms line by line. Threads share the lines or, if there are too few lines, the points of each line. */
    fun oneByOne(workers: Workers) {
        val steps = CosineSteps(grid.size / OneByOne.LANES, request)
        if (product.lines < workers.count) return sharedLines(steps, workers)
        workers.split(product.lines, AxisProduct.leastPart(product.length), request) { from, to ->
            val transform = OneByOne(product, grid, steps, source, request)
            val points = LinePoints(product, grid, target.output(), request)
            for (line in from until to) points.write(transform.transform(line), line, 0, product.length)
        }
    }

    private fun sharedLines(steps: CosineSteps, workers: Workers) {
        val transform = OneByOne(product, grid, steps, source, request)
        for (line in 0 until product.lines) {
            val values = transform.transform(line)
            workers.split(product.length, AxisProduct.leastPart(1), request) { from, to ->
                LinePoints(product, grid, target.output(), request).write(values, line, from, to)
            }
        }
    }

    /**
     * Transforms several lines at a time: lines with the same outer index if rows are long, otherwise all lines of
     * several outer indices.
     */
    fun sideBySide(workers: Workers) {
        val steps = CosineSteps(grid.size, request)
        val areRows = product.inner >= AxisProduct.LEAST_ROW
        val perBatch = if (areRows) product.inner else product.lines
        val unit = if (areRows) 1 else product.inner
        val parts = ceilDiv(perBatch, SideBySide.widthOf(product))
        val width = ceilDiv(ceilDiv(perBatch, parts), unit) * unit
        val batches = product.lines / perBatch
        workers.split(batches * parts, AxisProduct.leastPart(width * product.length.toLong()), request) { from, to ->
            val transform = SideBySide(product, grid, steps, width, target.output(), request)
            for (part in from until to) {
                val start = part % parts * width
                transform.run(source, part / parts * perBatch + start, minOf(width, perBatch - start))
            }
        }
    }

    companion object {
        private fun ceilDiv(x: Int, y: Int) = (x + y - 1) / y

        /** Returns the memory in bytes for [product] on [threads] threads, each of which needs [each] bytes. */
        fun workingBytes(product: AxisProduct, each: Long, threads: Int): Long =
            saturatedProduct(threads.toLong(), each) + Double.SIZE_BYTES * product.terms.toLong()
    }
}
