package io.frz.elm.internal

import kotlin.math.sqrt

/**
 * The matrices HᵀH and HᵀT, summed over all samples, from which [solve] computes the ridge regression. The first
 * feature is the constant 1, to which the ridge does not apply.
 */
internal class NormalEquations(private val features: Int) {
    /** Row i of the lower triangle of HᵀH. */
    private val gram = Array(features) { DoubleArray(it + 1) }

    /** HᵀT: an array for each output. */
    private val products = ArrayList<DoubleArray>()

    /** A bound on the rounding errors that removed samples have left in each element of the matrices. */
    private var residue = 0.0

    /** The number of samples, which equals the sum of the squares of the constant feature. */
    val samples: Int get() = gram[0][0].toInt()

    /** Adds an output whose target is [target] for all samples so far. */
    fun addOutput(target: Double) {
        products.add(DoubleArray(features) { target * gram[it][0] })
    }

    /** Removes output [number]. */
    fun removeOutput(number: Int) {
        products.removeAt(number)
    }

    /** Adds a sample ([sign] = 1) or removes it ([sign] = −1). Allocates no memory, so this cannot fail halfway. */
    fun accumulate(sample: DoubleArray, targets: DoubleArray, sign: Double) {
        for (i in 0 until features) {
            val scale = sign * sample[i]
            if (scale == 0.0) continue
            val row = gram[i]
            for (j in 0..i) row[j] += scale * sample[j]
            for (output in targets.indices) products[output][i] += scale * targets[output]
        }
        // Rounding errors remain of removed samples.
        if (sign < 0) residue += 2 * Math.ulp(sample.maxOf { it * it })
        if (samples > 0) return
        for (row in gram) row.fill(0.0)
        for (output in products.indices) products[output].fill(0.0)
        residue = 0.0
    }

    /** Returns the weights of each output. */
    fun solve(ridge: Double): Array<DoubleArray> {
        var sum = 0.0
        for (i in 1 until features) sum += gram[i][i]
        val mean = if (sum > 0.0) sum / (features - 1) else 1.0
        check(residue <= PRECISION * mean) {
            "a removed example was so much larger than the others that rounding has erased them; " +
                "create a new learner and add the current examples again"
        }
        var growing = ridge * mean
        repeat(RETRIES) {
            cholesky(growing)?.let { lower ->
                return Array(products.size) { substitute(lower, products[it]) }
            }
            growing *= 10
        }
        error("the equations of $features features have no solution, even with a ridge of ${growing / mean / 10}")
    }

    /** Returns the rows of the Cholesky factor, or null if a pivot is not positive. */
    private fun cholesky(ridge: Double): Array<DoubleArray>? {
        val lower = Array(features) { gram[it].clone() }
        for (i in 1 until features) lower[i][i] += ridge
        for (start in 0 until features step ROWS) {
            if (Thread.interrupted()) throw InterruptedException("solving was interrupted")
            val end = minOf(start + ROWS, features)
            for (j in 0 until end) {
                val pivot = lower[j]
                for (i in maxOf(start, j) until end) {
                    val row = lower[i]
                    val rest = row[j] - dot(row, pivot, j)
                    if (i > j) {
                        row[j] = rest / pivot[j]
                    } else {
                        if (!(rest > 0.0)) return null
                        row[j] = sqrt(rest)
                    }
                }
            }
        }
        return lower
    }

    private fun substitute(lower: Array<DoubleArray>, right: DoubleArray): DoubleArray {
        val out = right.clone()
        for (i in 0 until features) out[i] = (out[i] - dot(lower[i], out, i)) / lower[i][i]
        for (i in features - 1 downTo 0) {
            val row = lower[i]
            out[i] /= row[i]
            val solved = out[i]
            for (j in 0 until i) out[j] -= row[j] * solved
        }
        return out
    }

    /** Returns the dot product of the first [count] elements, computed as four sums that can run in parallel. */
    private fun dot(a: DoubleArray, b: DoubleArray, count: Int): Double {
        var s0 = 0.0
        var s1 = 0.0
        var s2 = 0.0
        var s3 = 0.0
        var i = 0
        while (i < count - 3) {
            s0 += a[i] * b[i]
            s1 += a[i + 1] * b[i + 1]
            s2 += a[i + 2] * b[i + 2]
            s3 += a[i + 3] * b[i + 3]
            i += 4
        }
        while (i < count) {
            s0 += a[i] * b[i]
            i++
        }
        return s0 + s1 + (s2 + s3)
    }

    private companion object {
        /** The number of rows that are reduced together, so that each pivot row is read only once for all of them. */
        const val ROWS = 32

        /** The maximum number of ridges that are tried, each 10 times as large as the previous one. */
        const val RETRIES = 8

        /** The largest acceptable rounding error, relative to the mean of the features' sums of squares. */
        const val PRECISION = 1e-8
    }
}
