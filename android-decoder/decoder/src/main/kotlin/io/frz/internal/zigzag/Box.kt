package io.frz.internal.zigzag

/**
 * Computes the box of a prefix of the zigzag order by counting indices rather than enumerating them, so that the time
 * does not grow with the prefix.
 *
 * @param shape the axis lengths of the spectrum
 */
internal class Box(private val shape: LongArray) {
    private val axes = shape.indices.filter { shape[it] > 1 }
    private val lengths = LongArray(axes.size) { shape[axes[it]] }
    private val tails = Zigzag.tails(lengths)

    /** Returns the smallest corner of the shape that contains the first [count] indices. */
    fun of(count: Int): LongArray {
        if (count == 0) return LongArray(shape.size)
        val box = LongArray(shape.size) { 1 }
        val sum = lastSum(count)
        for (j in axes.indices) box[axes[j]] = minOf(lengths[j], sum)
        include(box, sum, count - upTo(0, sum - 1))
        return box
    }

    /** Returns the sum of the entries of index number [count]. */
    private fun lastSum(count: Int): Long {
        if (count == 1) return 0
        var most = 1L
        while (upTo(0, most) < count) most *= 2
        var least = most / 2
        while (most - least > 1) {
            val middle = (least + most) / 2
            if (upTo(0, middle) < count) least = middle else most = middle
        }
        return most
    }

    /**
     * Extends [box] to the first [count] indices whose entries add up to [sum], by finding the last of them axis by
     * axis.
     */
    private fun include(box: LongArray, sum: Long, count: Long) {
        var rest = sum
        var left = count
        for (j in axes.indices) {
            val least = maxOf(0, rest - tails[j])
            val chosen = chosen(j, rest, least, left)
            if (chosen > least) includeAll(box, j, rest, least, chosen - 1)
            left -= before(j, rest, least, chosen)
            box[axes[j]] = maxOf(box[axes[j]], chosen + 1)
            rest -= chosen
        }
    }

    /**
     * Extends [box] to all indices that have an entry from [least] to [most] on axis [j] and whose entries on axis [j]
     * and later axes add up to [rest].
     */
    private fun includeAll(box: LongArray, j: Int, rest: Long, least: Long, most: Long) {
        box[axes[j]] = maxOf(box[axes[j]], most + 1)
        for (later in j + 1 until axes.size) {
            box[axes[later]] = maxOf(box[axes[later]], minOf(lengths[later], rest - least + 1))
        }
    }

    /**
     * Returns the entry on axis [j] of index number [left] among the indices whose entries on axis [j] and later axes
     * add up to [rest].
     */
    private fun chosen(j: Int, rest: Long, least: Long, left: Long): Long {
        var from = least
        var to = minOf(rest, lengths[j] - 1)
        while (from < to) {
            val middle = (from + to + 1) / 2
            if (before(j, rest, least, middle) < left) from = middle else to = middle - 1
        }
        return from
    }

    /**
     * Returns the number of indices that have an entry from [least] to [end] − 1 on axis [j] and whose entries on axis
     * [j] and later axes add up to [rest].
     */
    private fun before(j: Int, rest: Long, least: Long, end: Long): Long =
        upTo(j + 1, rest - least) - upTo(j + 1, rest - end)

    /**
     * Returns the number of indices of axis [first] and later axes whose entries add up to at most [sum]. By
     * inclusion–exclusion, this is the number of all indices regardless of the axis lengths, minus those that exceed
     * the length of one axis, plus those that exceed the lengths of two axes, and so on. Overflow cancels out, because
     * everything is computed modulo 2⁶⁴.
     */
    private fun upTo(first: Int, sum: Long): Long {
        if (sum < 0) return 0
        val rank = axes.size - first
        var total = 0L
        for (subset in 0 until (1 shl rank)) {
            var rest = sum
            for (j in 0 until rank) if (subset shr j and 1 == 1) rest -= lengths[first + j]
            if (rest < 0) continue
            val ways = choose(rest + rank, rank)
            total += if (subset.countOneBits() % 2 == 0) ways else -ways
        }
        return total
    }

    /** Returns the number of ways to choose [k] of [n], modulo 2⁶⁴. */
    private fun choose(n: Long, k: Int): Long {
        val factors = LongArray(k) { n - it }
        for (divisor in 2..k) {
            var left = divisor.toLong()
            for (i in factors.indices) {
                val common = gcd(factors[i], left)
                factors[i] /= common
                left /= common
            }
        }
        return factors.fold(1L) { product, factor -> product * factor }
    }

    private tailrec fun gcd(a: Long, b: Long): Long = if (b == 0L) a else gcd(b, a % b)
}
