package io.frz.internal.products

import io.frz.internal.Request

/**
 * Decides whether binary32 sums are accurate enough for the last product of a transform.
 *
 * The error of a sum of r products w·x is at most (r + 2)·2⁻²⁴·Σ|w|·|x|, because each term is rounded three times in
 * its product (w, x and w·x) and at most r − 1 times in the sum. The error must not exceed 2⁻²¹ times the largest
 * weight, which is half the tolerance of the specification. The bounds of the basis functions yield an upper bound on
 * Σ|w|·|x|; the weights at the first, middle and last point of the axis yield a lower bound on the largest weight.
 */
internal object FloatBound {
    private const val MOST_TERMS = 6
    private const val TOLERANCE = 8.0
    private const val LEAST_SAVING = 16
    private const val SMALLEST = 1e-30
    private const val LARGEST = 1e30

    /** The number of lines between checks of the request. */
    private const val CHECKED = 1 shl 16

    fun allows(product: AxisProduct, source: DoubleArray, request: Request): Boolean {
        if (!product.isPlain || product.terms > MOST_TERMS) return false
        if (product.length < LEAST_SAVING * product.terms) return false
        val points = intArrayOf(0, product.length / 2, product.length - 1)
        val basis = product.basis
        val weights = Array(points.size) { DoubleArray(product.terms) }
        weights.forEachIndexed { i, w -> basis.atPoint(points[i], product.terms, w) }
        val bounds = DoubleArray(product.terms) { basis.bound(it) }

        var lines = 0
        var mostTerms = 0.0
        var leastMaximum = 0.0
        for (a in 0 until product.outer) {
            for (b in 0 until product.inner) {
                if (lines++ % CHECKED == 0) request.check()
                val at = a * product.terms * product.inner + b
                mostTerms = maxOf(mostTerms, dot(bounds, source, at, product.inner, absolute = true))
                for (w in weights) {
                    leastMaximum = maxOf(leastMaximum, Math.abs(dot(w, source, at, product.inner, absolute = false)))
                }
            }
        }
        return leastMaximum > SMALLEST && mostTerms < LARGEST &&
            (product.terms + 2) * mostTerms <= TOLERANCE * leastMaximum
    }

    private fun dot(w: DoubleArray, source: DoubleArray, at: Int, stride: Int, absolute: Boolean): Double {
        var sum = 0.0
        for (k in w.indices) {
            val x = source[at + k * stride]
            sum += w[k] * if (absolute) Math.abs(x) else x
        }
        return sum
    }
}
