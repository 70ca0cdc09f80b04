package io.frz.internal.products

import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.bases.Wave

/**
 * Computes a product with few terms for a few long lines, block by block. Within a block of points, function k of the
 * basis is a weighted sum of the cosine and sine of k times the distance from the block's first point. These waves are
 * the same for every block; only the weights are recomputed.
 */
internal class BlockProduct(product: AxisProduct, source: DoubleArray, target: Destination, request: Request) :
    PanelProduct(product, source, target, request) {
    private val wave = Wave(length)
    private val size = sizeOf(product)
    private val waves = Array(2 * terms) { row ->
        val values = DoubleArray(size)
        if (row < terms) {
            wave.cosines(0, 2L * row, size, 1.0, values, 0)
        } else {
            wave.sines(0, 2L * (row - terms), size, 1.0, values, 0)
        }
        values
    }

    /** Computes all blocks on the threads of [workers]. */
    fun run(workers: Workers) {
        val blocks = (length + size - 1) / size
        workers.split(blocks, AxisProduct.leastPart(size.toLong() * product.lines), request) { from, to ->
            val panel = target.panel(2 * terms, size, size * inner)
            for (row in waves.indices) panel.load(row, waves[row], 0, size)
            val turns = Array(2) { DoubleArray(terms) }
            val weights = DoubleArray(padded(2 * terms))
            for (block in from until to) {
                request.check()
                val first = block * size
                wave.cosines(0, 2L * first + 1, terms, 1.0, turns[0], 0)
                wave.sines(0, 2L * first + 1, terms, 1.0, turns[1], 0)
                for (a in 0 until outer) write(panel, a, first, turns, weights)
            }
        }
    }

    private fun write(panel: Panel, a: Int, first: Int, turns: Array<DoubleArray>, weights: DoubleArray) {
        writeLines(panel, a, first, minOf(size, length - first), weights) { b ->
            for (k in 0 until terms) {
                val value = source[(a * terms + k) * inner + b] * basis.bound(k)
                weights[k] = value * turns[0][k]
                weights[terms + k] = -value * turns[1][k]
            }
        }
    }

    companion object {
        /** The minimum number of blocks of a line. */
        private const val BLOCKS = 8

        private fun sizeOf(product: AxisProduct) = minOf(Panel.LENGTH / product.inner, product.length / BLOCKS)

        /** Returns the memory in bytes that [product] needs for waves and, on each of [threads] threads, a panel. */
        fun workingBytes(product: AxisProduct, threads: Int): Long {
            val (rows, size) = 2L * product.terms to sizeOf(product)
            val panel = (padded(2 * product.terms) + 1L) * size + Panel.LENGTH
            val weights = rows + padded(2 * product.terms)
            return Double.SIZE_BYTES * (rows * size + threads * (panel + weights))
        }
    }
}
