package io.frz.template.internal

/**
 * The lengths of the axes of a joint DCT-II basis, and the number of basis functions of each axis.
 *
 * @property lengths the lengths
 * @property ranks the numbers of basis functions, each at least 1 and at most the length
 */
internal class Axes(val lengths: LongArray, val ranks: LongArray) {
    /** The number of rows of the basis. */
    val rows: Long = lengths.fold(1L, Math::multiplyExact)

    /** The number of columns of the basis. */
    val columns: Long = ranks.fold(1L, Math::multiplyExact)

    /** The number of elements of the basis. */
    val elements: Long = Math.multiplyExact(rows, columns)

    /**
     * Returns the joint basis in row-major order. This function calls [check] every few milliseconds, which can cancel
     * it by an exception.
     */
    fun basis(check: () -> Unit): DoubleArray {
        var table = doubleArrayOf(1.0)
        var columns = 1
        for (axis in lengths.indices) {
            val n = lengths[axis].toInt()
            val r = ranks[axis].toInt()
            val one = Cosines.basis(n, r, check)
            val before = table
            val wide = columns
            table = DoubleArray(before.size * one.size) {
                if (it % MANY == 0) check()
                val row = it / (wide * r)
                val column = it % (wide * r)
                before[row / n * wide + column / r] * one[row % n * r + column % r]
            }
            columns = wide * r
        }
        return table
    }
}

/**
 * Computes DCT-II bases. All implementations compute the same bits: an angle is reduced in integers to at most π/4, and
 * a polynomial is evaluated in 64-bit floats; see `spec/template.md`. Cosines of standard libraries differ in their
 * last bits.
 */
internal object Cosines {
    private const val DEGREE = 8
    private val COSINE = series(0)
    private val SINE = series(1)

    /** Returns the first [r] orthonormal basis functions of length [n], in row-major order of (n, r). */
    fun basis(n: Int, r: Int, check: () -> Unit): DoubleArray {
        val first = Math.sqrt(1.0 / n)
        val other = Math.sqrt(2.0 / n)
        val table = DoubleArray(Math.multiplyExact(n, r))
        for (x in 0 until n) {
            for (i in 0 until r) {
                if (i % MANY == 0) check()
                table[x * r + i] = cosine((2L * x + 1) * i, n.toLong()) * if (i == 0) first else other
            }
        }
        return table
    }

    /** Returns cos(π · [angle] / 2[n]). */
    private fun cosine(angle: Long, n: Long): Double {
        var a = angle % (4 * n)
        if (a > 2 * n) a = 4 * n - a
        val isNegative = a > n
        if (isNegative) a = 2 * n - a
        val isSmall = 2 * a <= n
        val t = Math.PI * (if (isSmall) a else n - a) / (2 * n)
        val value = if (isSmall) horner(COSINE, t) else t * horner(SINE, t)
        return if (isNegative) -value else value
    }

    private fun horner(coefficients: DoubleArray, t: Double): Double {
        val square = t * t
        var total = coefficients[DEGREE]
        for (power in DEGREE - 1 downTo 0) total = total * square + coefficients[power]
        return total
    }

    /** Returns (−1)^p / (2p + [odd])! for p from 0 to [DEGREE]. */
    private fun series(odd: Int): DoubleArray {
        var factorial = 1.0 // All factorials up to 17! are exact.
        return DoubleArray(DEGREE + 1) { power ->
            if (power > 0) factorial *= (2.0 * power + odd - 1) * (2.0 * power + odd)
            (if (power % 2 == 0) 1.0 else -1.0) / factorial
        }
    }
}
