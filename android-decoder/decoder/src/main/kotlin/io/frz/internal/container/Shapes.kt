package io.frz.internal.container

import io.frz.internal.Allowance
import io.frz.internal.Limits

/** The shapes of a group's tensors, of which some may be absent: their axis lengths, one after the other. */
internal class Shapes private constructor(private val ends: IntArray, private val axes: IntArray) {
    /** Shape [i], or null if it is absent. Each call gives a new array. */
    operator fun get(i: Int): LongArray? {
        if (ends[i] < 0) return null
        val start = if (i == 0) 0 else Math.abs(ends[i - 1]) - 1
        return LongArray(ends[i] - 1 - start) { axes[start + it].toLong() }
    }

    /** Collects the shapes of [count] tensors. */
    class Builder(count: Int, private val allowance: Allowance) {
        private val ends: IntArray
        private var axes = IntArray(count)
        private var used = 0
        private var size = 0

        init {
            allowance.take(2L * Int.SIZE_BYTES * count)
            ends = IntArray(count)
        }

        fun add(shape: LongArray?) {
            for (axis in shape ?: NONE) {
                if (used == axes.size) grow()
                axes[used++] = axis.toInt()
            }
            ends[size++] = if (shape == null) -used - 1 else used + 1
        }

        private fun grow() {
            allowance.take(Int.SIZE_BYTES * (used + Limits.RANK.toLong()))
            axes = axes.copyOf(2 * used + Limits.RANK)
        }

        fun build() = Shapes(ends, axes.copyOf(used))
    }

    private companion object {
        val NONE = LongArray(0)
    }
}
