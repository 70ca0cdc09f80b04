package io.frz.internal.products

/**
 * Applies steps of an odd radix, at most [most], to lines side by side. Rows k and m − k of each child are weighted
 * sums of the rows jm + k and jm + m − k of its parent, because T\[jm + k] = U\[j]·T\[k] − U\[j − 1]·T\[m − k], where U
 * are the Chebyshev polynomials of the second kind.
 */
internal class Split(most: Int, private val width: Int) {
    private val results = Array(2 * most) { DoubleArray(width) }
    private val zeros = DoubleArray(width)
    private val terms = Array(padded(2 * most)) { zeros }
    private val places = IntArray(2 * most)
    private val weights = DoubleArray(most * padded(2 * most))
    private val firsts = DoubleArray(most * padded(most))

    /** Applies [step] to the rows of [node], which begin at [from]. */
    fun run(rows: Array<DoubleArray>, from: Int, step: Splitting, node: Int) {
        val radix = step.radix
        val size = step.size
        weigh(step, node)
        for (j in 0 until radix) places[j] = from + j * size
        sum(rows, radix, firsts, padded(radix), radix)
        for (k in 1..size / 2) {
            for (j in 0 until radix) {
                places[j] = from + j * size + k
                places[radix + j] = from + (j + 1) * size - k
            }
            sumBoth(rows, radix, 2 * k == size)
        }
    }

    /**
     * Computes the weights of each child: first those for the rows jm + k, then those for the rows jm + m − k. Row 0
     * has separate weights.
     */
    private fun weigh(step: Splitting, node: Int) {
        val radix = step.radix
        weights.fill(0.0)
        firsts.fill(0.0)
        for (child in 0 until radix) {
            val cosine = step.cosines[node * radix + child]
            val at = child * padded(2 * radix)
            val first = child * padded(radix)
            weights[at] = 1.0
            firsts[first] = 1.0
            firsts[first + 1] = cosine
            weights[at + 1] = 2 * cosine
            for (j in 2 until radix) {
                weights[at + j] = 2 * cosine * weights[at + j - 1] - weights[at + j - 2]
                firsts[first + j] = 2 * cosine * firsts[first + j - 1] - firsts[first + j - 2]
            }
            for (j in 1 until radix) weights[at + radix + j] = -weights[at + j - 1]
        }
    }

    /**
     * Replaces the rows at [places] with [radix] sums of [count] terms. The weights of consecutive sums are [stride]
     * apart.
     */
    private fun sum(rows: Array<DoubleArray>, count: Int, weights: DoubleArray, stride: Int, radix: Int) {
        take(rows, count)
        for (child in 0 until radix) sumRows(results[child], terms, 0, count, weights, child * stride, width)
        give(rows, count)
    }

    /** Replaces the rows k and m − k of each child with their sums. If [areOne], k and m − k are the same row. */
    private fun sumBoth(rows: Array<DoubleArray>, radix: Int, areOne: Boolean) {
        val stride = padded(2 * radix)
        take(rows, 2 * radix)
        for (child in 0 until radix) sumRows(results[child], terms, 0, 2 * radix, weights, child * stride, width)
        if (areOne) return give(rows, radix)
        for (j in 0 until radix) {
            val row = terms[j]
            terms[j] = terms[radix + j]
            terms[radix + j] = row
        }
        for (child in 0 until radix) {
            sumRows(results[radix + child], terms, 0, 2 * radix, weights, child * stride, width)
        }
        give(rows, 2 * radix)
    }

    private fun take(rows: Array<DoubleArray>, count: Int) {
        for (j in 0 until count) terms[j] = rows[places[j]]
        for (j in count until padded(count)) terms[j] = zeros
    }

    /** Swaps the first [count] results with the rows at their places. */
    private fun give(rows: Array<DoubleArray>, count: Int) {
        for (j in 0 until count) {
            val row = rows[places[j]]
            rows[places[j]] = results[j]
            results[j] = row
        }
    }

    companion object {
        /** Returns an upper bound on the memory of an instance for the radices of [length]. */
        fun workingBytes(length: Long, width: Int): Long {
            val most = minOf(length, MOST_RADIX)
            return Double.SIZE_BYTES * ((2 * most + 1) * width + 4 * (most + 2) * (most + 2))
        }

        private const val MOST_RADIX = 61L
    }
}
