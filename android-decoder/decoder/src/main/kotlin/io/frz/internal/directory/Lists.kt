package io.frz.internal.directory

import io.frz.internal.Allowance
import io.frz.internal.Limits

/** Short lists of numbers, such as shapes or seeds: one list for each tensor of a group, stored back to back. */
internal class Lists private constructor(private val ends: IntArray, private val numbers: LongArray) {
    /** The number of lists. */
    val size: Int get() = ends.size

    /** The total length of all lists. */
    val total: Int get() = if (ends.isEmpty()) 0 else ends.last()

    /** Returns list [i]. Each call returns a new array. */
    operator fun get(i: Int): LongArray = numbers.copyOfRange(start(i), ends[i])

    /** Returns number [j] of list [i]. */
    fun number(i: Int, j: Int): Long = numbers[start(i) + j]

    /** Returns the length of list [i]. */
    fun length(i: Int): Int = ends[i] - start(i)

    /** Returns the total length of the lists before [i]. */
    fun start(i: Int): Int = if (i == 0) 0 else ends[i - 1]

    /** Collects [count] lists. */
    class Builder(count: Int, private val allowance: Allowance) {
        private val ends: IntArray
        private var numbers: LongArray
        private var size = 0
        private var used = 0

        init {
            allowance.take((Int.SIZE_BYTES + 2L * Long.SIZE_BYTES) * count)
            ends = IntArray(count)
            numbers = LongArray(count)
        }

        fun add(list: LongArray): Builder = apply {
            if (used + list.size > numbers.size) grow()
            System.arraycopy(list, 0, numbers, used, list.size)
            used += list.size
            ends[size++] = used
        }

        private fun grow() {
            allowance.take(2 * Long.SIZE_BYTES * (numbers.size + Limits.RANK.toLong()))
            numbers = numbers.copyOf(2 * numbers.size + Limits.RANK)
        }

        fun build() = Lists(ends, if (used == numbers.size) numbers else numbers.copyOf(used))
    }
}
