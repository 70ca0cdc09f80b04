package io.frz.internal.products

/**
 * Interpolates a cosine sum between the points of a grid. Each value is the sum of the values at the [TAPS] nearest
 * points, weighted by the Kaiser–Bessel window of that width. If the number of terms is at most half the number of grid
 * points, and each term is divided by [transform] beforehand, the error is less than 10⁻¹² times the sum of the terms'
 * magnitudes.
 *
 * Weights are polynomials in the *place* of a value: its position between two neighboring grid points, from −1 at the
 * first (tap [TAPS] / 2 − 1) to 1 at the second (tap [TAPS] / 2).
 */
internal object Kernel {
    /** The number of grid points that contribute to a value. */
    const val TAPS = 14

    /** The minimum number of grid points per term. */
    const val OVERSAMPLING = 2
    private const val REACH = TAPS / 2.0
    private const val BETA = Math.PI * TAPS * (1 - 0.5 / OVERSAMPLING)

    /** The number of coefficients of a polynomial; the constant comes first. */
    const val POWERS = 12

    private val height = bessel(BETA)

    /** The polynomial of each tap's weight, followed by zero polynomials that fill the last strip. */
    private val polynomials = Array(padded(TAPS)) { tap ->
        if (tap < TAPS) polynomial { window(it + REACH - 1 - tap) } else DoubleArray(POWERS)
    }

    /** Returns the Fourier transform of the window at [angle], in radians per grid step, up to π / 2. */
    fun transform(angle: Double): Double {
        val root = Math.sqrt(BETA * BETA - REACH * angle * (REACH * angle))
        return REACH * Math.exp(root) / root / height
    }

    /**
     * Writes the weights for the first [count] of [places] to [out], one array for each tap. The window is even, so the
     * polynomials of opposite taps differ only in the signs of their odd powers.
     */
    fun weights(places: DoubleArray, count: Int, out: Array<DoubleArray>) {
        for (tap in 0 until TAPS / 2) {
            val polynomial = polynomials[tap]
            val even = out[tap]
            val odd = out[TAPS - 1 - tap]
            everySecond(polynomial, 0, places, count, even)
            everySecond(polynomial, 1, places, count, odd)
            for (i in 0 until count) {
                val e = even[i]
                val o = odd[i] * places[i]
                even[i] = e + o
                odd[i] = e - o
            }
        }
    }

    /** Evaluates the terms [first], [first] + 2, … of [polynomial] as a polynomial in the squares of [places]. */
    private fun everySecond(polynomial: DoubleArray, first: Int, places: DoubleArray, count: Int, out: DoubleArray) {
        val c0 = polynomial[first]
        val c1 = polynomial[first + 2]
        val c2 = polynomial[first + 4]
        val c3 = polynomial[first + 6]
        val c4 = polynomial[first + 8]
        val c5 = polynomial[first + 10]
        for (i in 0 until count) {
            val y = places[i] * places[i]
            out[i] = ((((c5 * y + c4) * y + c3) * y + c2) * y + c1) * y + c0
        }
    }

    /**
     * Computes the [polynomial] that yields all values between two grid points, for which the taps start at index [tap]
     * of [line].
     */
    fun combine(line: DoubleArray, tap: Int, polynomial: DoubleArray) =
        sumRows(polynomial, polynomials, 0, TAPS, line, tap, POWERS)

    /**
     * Evaluates [polynomial] at [count] of [places], starting at [from], and writes the results to the same indices of
     * [out].
     */
    fun evaluate(polynomial: DoubleArray, places: DoubleArray, from: Int, count: Int, out: DoubleArray) {
        java.util.Arrays.fill(out, from, from + count, 0.0)
        for (power in POWERS - 1 downTo 0 step 4) evaluate(polynomial, power, places, from, from + count, out)
    }

    /** Performs four steps of Horner's method in one pass, starting with the coefficient of [power]. */
    private fun evaluate(
        polynomial: DoubleArray,
        power: Int,
        places: DoubleArray,
        from: Int,
        to: Int,
        out: DoubleArray
    ) {
        val c3 = polynomial[power]
        val c2 = polynomial[power - 1]
        val c1 = polynomial[power - 2]
        val c0 = polynomial[power - 3]
        for (i in from until to) {
            val x = places[i]
            out[i] = (((out[i] * x + c3) * x + c2) * x + c1) * x + c0
        }
    }

    private fun window(distance: Double): Double {
        val x = distance / REACH
        return if (Math.abs(x) >= 1) 0.0 else bessel(BETA * Math.sqrt(1 - x * x)) / height
    }

    /** Returns the modified Bessel function I₀ of [x]. */
    private fun bessel(x: Double): Double {
        var sum = 1.0
        var term = 1.0
        var k = 1
        while (term > sum * 1e-18) {
            term *= (x / (2 * k)) * (x / (2 * k))
            sum += term
            k++
        }
        return sum
    }

    /** Returns the polynomial in 2x − 1 that equals [function] at the Chebyshev points of the interval from 0 to 1. */
    private inline fun polynomial(function: (Double) -> Double): DoubleArray {
        val count = POWERS
        val values = DoubleArray(count) { function(0.5 + 0.5 * Math.cos(Math.PI * (it + 0.5) / count)) }
        val result = DoubleArray(count)
        var before = DoubleArray(count) // Coefficients of the Chebyshev polynomials T(order − 1) and T(order).
        var current = DoubleArray(count).also { it[0] = 1.0 }
        for (order in 0 until count) {
            val share = (0 until count).sumOf { values[it] * Math.cos(Math.PI * order * (it + 0.5) / count) } *
                (if (order == 0) 1.0 else 2.0) / count
            for (power in 0 until count) result[power] += share * current[power]
            val scale = if (order == 0) 1.0 else 2.0
            val next = DoubleArray(count) { (if (it == 0) 0.0 else scale * current[it - 1]) - before[it] }
            before = current
            current = next
        }
        return result
    }
}
