package io.frz.internal.products

import io.frz.internal.Request

/**
 * Computes the cosine sums Σ x\[k]·cos(π(2i + 1)k / 2n) for i from 0 to n − 1, where n is the length of [steps], for
 * many lines side by side. Before the transform, row k contains x\[k] of each line; afterwards, row i contains sum i of
 * each line.
 *
 * The sums are the values of the polynomial Σ x\[k]·T\[k] at the roots of the Chebyshev polynomial T\[n]. They are
 * computed by an analog of the Cooley–Tukey algorithm for Fourier transforms (Püschel and Moura, 2008): the roots are
 * divided into groups, and for each group the polynomial is reduced modulo the polynomial with just those roots, using
 * T\[m + k] = 2·T\[m]·T\[k] − T\[m − k]. Rows are permuted by reference, never copied. Instances are not thread-safe,
 * and process lines of one [width].
 */
internal class CosineSums(private val steps: CosineSteps, private val width: Int, private val request: Request) {
    private val split = steps.steps.filterIsInstance<Splitting>().maxOfOrNull { it.radix }?.let { Split(it, width) }
    private val pointers = arrayOfNulls<DoubleArray>(steps.length)

    /** Replaces the values in [rows] with their sums and permutes the rows. */
    fun transform(rows: Array<DoubleArray>) {
        run(rows, 0, 0, 0)
        System.arraycopy(rows, 0, pointers, 0, steps.length)
        for (i in 0 until steps.length) pointers[i]?.let { rows[steps.points[i]] = it }
    }

    /** Computes the sums of [node] of step [level], whose rows begin at [from]. */
    private fun run(rows: Array<DoubleArray>, from: Int, level: Int, node: Int) {
        if (level == steps.steps.size) return
        val step = steps.steps[level]
        if (step.size.toLong() * step.radix * width >= CHECKED) request.check()
        when (step) {
            is Splitting -> checkNotNull(split).run(rows, from, step, node)

            is Halving -> {
                val next = if (step.size == 2) steps.steps[level + 1] as Halving else null
                if (next != null) return quarter(rows, from, step.cosines[node], next.cosines, 2 * node)
                halve(rows, from, step.size, step.cosines[node])
            }
        }
        for (child in 0 until step.radix) run(rows, from + child * step.size, level + 1, node * step.radix + child)
    }

    /** Applies a [Halving] to the 2 · [size] rows that begin at [from] and produces two nodes of [size] rows. */
    private fun halve(rows: Array<DoubleArray>, from: Int, size: Int, cosine: Double) {
        sumAndDifference(rows[from], rows[from + size], cosine, width)
        for (k in 1 until (size + 1) / 2) {
            halve(
                rows[from + k],
                rows[from + size - k],
                rows[from + size + k],
                rows[from + 2 * size - k],
                2 * cosine,
                width
            )
        }
        if (size % 2 == 0) middle(rows[from + size / 2], rows[from + size + size / 2], 2 * cosine, width)
    }

    /** Applies the last two steps to four rows in one pass. */
    private fun quarter(rows: Array<DoubleArray>, from: Int, cosine: Double, next: DoubleArray, node: Int) {
        quarter(rows[from], rows[from + 1], rows[from + 2], rows[from + 3], cosine, next[node], next[node + 1])
    }

    /**
     * Applies the last two halvings to a polynomial of four coefficients; [left] and [right] are the cosines of the
     * second halving.
     */
    private fun quarter(
        a: DoubleArray,
        b: DoubleArray,
        c: DoubleArray,
        d: DoubleArray,
        cosine: Double,
        left: Double,
        right: Double
    ) {
        for (i in 0 until width) {
            val y = cosine * c[i]
            val z = d[i]
            val u = b[i] - z
            val fz = 2 * cosine * z
            val p = a[i] + y
            val q = a[i] - y
            val r = (u + fz) * left
            val s = (u - fz) * right
            a[i] = p + r
            b[i] = p - r
            c[i] = q + s
            d[i] = q - s
        }
    }

    companion object {
        /** The request is checked before each step of at least this many values. */
        private const val CHECKED = 1 shl 16

        /** Returns the memory of an instance and its steps in bytes, excluding the rows. */
        fun workingBytes(length: Long, width: Int): Long =
            Split.workingBytes(length, width) + Double.SIZE_BYTES * length + CosineSteps.bytes(length)
    }
}

/** Replaces [a] and [b] with the sum and difference of [a] and [b]·[factor]. */
private fun sumAndDifference(a: DoubleArray, b: DoubleArray, factor: Double, count: Int) {
    for (i in 0 until count) {
        val x = a[i]
        val y = b[i] * factor
        a[i] = x + y
        b[i] = x - y
    }
}

/** Reduces the rows k, m − k, m + k and 2m − k of a polynomial modulo T\[m] ∓ [factor] / 2. */
private fun halve(a: DoubleArray, b: DoubleArray, c: DoubleArray, d: DoubleArray, factor: Double, count: Int) {
    for (i in 0 until count) {
        val y = c[i]
        val z = d[i]
        val u = a[i] - z
        val v = b[i] - y
        val fy = factor * y
        val fz = factor * z
        a[i] = u + fy
        b[i] = v + fz
        c[i] = u - fy
        d[i] = v - fz
    }
}

/** Like [halve] for four rows, but for k = m / 2, where k and m − k coincide. */
private fun middle(a: DoubleArray, b: DoubleArray, factor: Double, count: Int) {
    for (i in 0 until count) {
        val z = b[i]
        val u = a[i] - z
        val fz = factor * z
        a[i] = u + fz
        b[i] = u - fz
    }
}
