package io.frz.internal.products

import io.frz.internal.Request
import io.frz.internal.bases.Wave

/**
 * The cosine sums Σ x[k]·cos(π(2i + 1)k / 2n) for all i of 0 until [length] = n, of many lines side by side: row k
 * holds the value x[k] of each line, and afterwards row i its sum i.
 *
 * A sum of even length is one of half the length over the even k, and another over the odd k, whose neighbours are
 * added beforehand and which is divided by 2·cos afterwards (B. G. Lee, 1984). Sums of [MOST_DIRECT] values, or of an
 * odd number, are made one by one. Instances are for one thread, and for lines of one number, [width].
 */
internal class CosineSums(private val length: Int, private val width: Int, private val request: Request) {
    private val base = baseOf(length)
    private val divisors = divisorsOfAll()
    private val direct = direct(base)
    private val results = Array(base) { DoubleArray(width) }
    private val zeros = DoubleArray(width)
    private val terms = Array(padded(base)) { zeros }
    private val pointers = arrayOfNulls<DoubleArray>(length)

    /** Replaces the values in [rows] by their sums. The rows change places. */
    fun transform(rows: Array<DoubleArray>) = transform(rows, 0, length, 0)

    private fun transform(rows: Array<DoubleArray>, from: Int, count: Int, level: Int) {
        if (count == base) return sumDirectly(rows, from)
        if (count.toLong() * width >= CHECKED) request.check()
        val half = count / 2
        for (k in half - 1 downTo 1) add(rows[from + 2 * k - 1], rows[from + 2 * k + 1])
        for (k in 0 until half) {
            pointers[k] = rows[from + 2 * k]
            pointers[half + k] = rows[from + 2 * k + 1]
        }
        System.arraycopy(pointers, 0, rows, from, count)
        transform(rows, from, half, level + 1)
        transform(rows, from + half, half, level + 1)
        val divisors = divisors[level]
        for (i in 0 until half) combine(rows[from + i], rows[from + half + i], divisors[i])
        rows.reverse(from + half, from + count)
    }

    private fun sumDirectly(rows: Array<DoubleArray>, from: Int) {
        System.arraycopy(rows, from, terms, 0, base)
        for (i in 0 until base) sumRows(results[i], terms, 0, base, direct, i * padded(base), width)
        for (i in 0 until base) {
            rows[from + i] = results[i]
            results[i] = terms[i]
        }
    }

    private fun add(source: DoubleArray, target: DoubleArray) {
        for (i in 0 until width) target[i] += source[i]
    }

    /** Makes [even] and [odd] their sum and their difference, [odd] times [factor]. */
    private fun combine(even: DoubleArray, odd: DoubleArray, factor: Double) {
        for (i in 0 until width) {
            val product = odd[i] * factor
            odd[i] = even[i] - product
            even[i] += product
        }
    }

    /** For each level, the [divisors] of its sums. */
    private fun divisorsOfAll(): List<DoubleArray> {
        val levels = ArrayList<DoubleArray>()
        var count = length
        while (count > base) {
            levels.add(divisors(count, request))
            count /= 2
        }
        return levels
    }

    companion object {
        /** Up to how many values are summed directly. */
        const val MOST_DIRECT = 8

        /** The longest odd sum that is worth its time. */
        private const val MOST_ODD = 63

        /** How many values are worth the question whether the request goes on. */
        private const val CHECKED = 1 shl 16

        /** Whether sums of [length] are quick: an odd factor is small. */
        fun isQuick(length: Int): Boolean = length shr length.countTrailingZeroBits() <= MOST_ODD

        /** A quick length that is at least [least], not much more, and a multiple of [OneByOne.LANES]. */
        fun quickLength(least: Long): Long {
            var unit = OneByOne.LANES.toLong()
            while (MOST_DIRECT * unit < least) unit *= 2
            return (least + unit - 1) / unit * unit
        }

        /** The memory of an instance, without the rows. */
        fun workingBytes(length: Long, width: Int): Long {
            val base = baseOf(length.toInt())
            return Double.SIZE_BYTES * (3 * length + (base + 1L) * (width + padded(base)))
        }

        private fun baseOf(length: Int): Int {
            var base = length
            while (base > MOST_DIRECT && base % 2 == 0) base /= 2
            return base
        }

        /** What the sums over odd k are divided by if there are [count] in all, inverted. */
        fun divisors(count: Int, request: Request): DoubleArray {
            val divisors = DoubleArray(count / 2)
            val wave = Wave(count)
            for (from in divisors.indices step CHECKED) {
                request.check()
                val to = minOf(from + CHECKED, divisors.size)
                // As sines, from the smallest on, they are exact where they are small.
                wave.sines(2L * from + 1, 2, to - from, 2.0, divisors, from)
                for (i in from until to) divisors[i] = 1 / divisors[i]
            }
            divisors.reverse()
            return divisors
        }

        /** The weights of sums of [count], those of a sum padded to whole strips. */
        private fun direct(count: Int): DoubleArray {
            val weights = DoubleArray(count * padded(count))
            val wave = Wave(count)
            for (i in 0 until count) wave.cosines(0, 2L * i + 1, count, 1.0, weights, i * padded(count))
            return weights
        }
    }
}
