package io.frz.internal.products

import io.frz.internal.Request

/** Computes a product with few terms directly from its definition. Instances are not thread-safe. */
internal class DirectProduct(product: AxisProduct, source: DoubleArray, target: Destination, request: Request) :
    PanelProduct(product, source, target, request) {
    /**
     * Computes rows [from] to [to] − 1 of the result: sums of source rows, weighted by the basis functions at a point.
     */
    fun combineRows(from: Int, to: Int) {
        val panel = target.panel(terms, Panel.cached(terms, inner), inner)
        val width = padded(terms)
        val batch = maxOf(1, BATCH_WEIGHTS / width)
        val weights = DoubleArray(minOf(batch, to - from) * width)
        for (first in from until to step batch) {
            val points = first until minOf(first + batch, to)
            for (point in points) basis.atPoint(point, terms, weights, (point - first) * width)
            for (a in 0 until outer) {
                for (start in 0 until inner step panel.length) {
                    request.check()
                    val count = minOf(panel.length, inner - start)
                    for (k in 0 until terms) panel.load(k, source, (a * terms + k) * inner + start, count)
                    for (point in points) {
                        panel.combine(weights, (point - first) * width, count)
                        panel.write(count, (a * length + point) * inner + start)
                    }
                }
            }
        }
    }

    /**
     * Computes all lines of the outer indices [from] to [to] − 1: sums of basis functions, weighted by a source line.
     */
    fun combineFunctions(from: Int, to: Int) {
        val step = minOf(Panel.cached(terms, length), Panel.LENGTH / inner)
        val panel = target.panel(terms, step, step * inner)
        val weights = DoubleArray(padded(terms))
        val function = DoubleArray(step)
        for (start in 0 until length step step) {
            val count = minOf(step, length - start)
            for (k in 0 until terms) {
                basis.function(k, start, count, function)
                panel.load(k, function, 0, count)
            }
            for (a in from until to) {
                if ((a - from) % CHECKED == 0) request.check()
                writeLines(panel, a, start, count, weights) { b ->
                    for (k in 0 until terms) weights[k] = source[(a * terms + k) * inner + b]
                }
            }
        }
    }

    companion object {
        private const val BATCH_WEIGHTS = 1 shl 16

        /** The number of outer indices between checks of the request. */
        private const val CHECKED = 64

        /** Returns the memory in bytes that [product] needs for a panel and weights. */
        fun workingBytes(product: AxisProduct): Long {
            val width = padded(product.terms).toLong()
            val points = minOf(maxOf(1, BATCH_WEIGHTS / width), product.length.toLong())
            return Double.SIZE_BYTES * width *
                (points + Panel.cached(product.terms, maxOf(product.length, product.inner)))
        }
    }
}
