package io.frz.internal.values

import io.frz.internal.directory.Group

/**
 * Maps the entries of a core to row-major memory that contains its corner or the whole tensor.
 *
 * Axes are merged where their entries are contiguous, so one axis of an instance can comprise several axes of the view.
 *
 * @param lengths the lengths of the core's axes, as a function of the tier; all 0 for tier −1
 * @param stored the lengths of the memory's axes
 * @property heads for each axis, the first axis of the view that it comprises
 */
internal class Places private constructor(
    private val lengths: (tier: Int) -> LongArray,
    private val stored: LongArray,
    val heads: IntArray
) {
    private val rank = stored.size

    /** Returns whether the entries up to [tier] fill the memory. */
    fun areWhole(tier: Int): Boolean = lengths(tier).contentEquals(stored)

    private val strides = LongArray(rank).also {
        var stride = 1L
        for (axis in rank - 1 downTo 0) {
            it[axis] = stride
            stride *= stored[axis]
        }
    }

    /** Visits the new entries of a tier, line by line. */
    fun interface Visitor {
        /** Called for the next [count] entries, which begin at [index] in the core and at [place] in the memory. */
        fun visit(index: LongArray, place: Long, count: Long)
    }

    /** Visits the entries that [tier] adds to those of tier [before], in file order. */
    fun visit(before: Int, tier: Int, visitor: Visitor) {
        val old = lengths(before)
        val new = lengths(tier)
        for (axis in 0 until rank) {
            val from = LongArray(rank) { if (it == axis) old[it] else 0 }
            val to = LongArray(rank) { if (it > axis) old[it] else new[it] }
            if ((0 until rank).all { from[it] < to[it] }) visitLines(from, to, visitor)
        }
    }

    private fun visitLines(from: LongArray, to: LongArray, visitor: Visitor) {
        val last = rank - 1
        val index = from.clone()
        while (true) {
            var place = 0L
            for (axis in 0 until rank) place += index[axis] * strides[axis]
            visitor.visit(index, place, to[last] - from[last])
            var axis = last - 1
            while (axis >= 0 && ++index[axis] == to[axis]) {
                index[axis] = from[axis]
                axis--
            }
            if (axis < 0) return
        }
    }

    companion object {
        /** The number that denotes the tier before the first, which has no entries. */
        const val NONE = -1

        /** Returns the places of a prefix that has [kept] entries in each tier. */
        fun ofPrefix(kept: (tier: Int) -> Int): Places =
            Places({ longArrayOf(if (it == NONE) 0 else kept(it).toLong()) }, longArrayOf(0), intArrayOf(0))

        /**
         * Returns the places of the corner of tensor [i] of [group] in the tiers up to [tier], in memory of shape
         * [stored].
         */
        fun ofCorner(group: Group, i: Int, tier: Int, stored: LongArray): Places {
            val extents = group.extents
            val first = group.usedTiers(tier).first
            val rank = stored.size
            val heads = (0 until rank).filter { axis ->
                val isWhole = extents.corner(i, first, axis) == stored[axis]
                axis == 0 || !isWhole || group.numbers.hasOffsets(axis) || group.numbers.hasOffsets(axis - 1)
            }
            fun joined(of: (Int) -> Long) = LongArray(heads.size) { part ->
                val end = if (part + 1 < heads.size) heads[part + 1] else rank
                (heads[part] until end).fold(1L) { product, axis -> product * of(axis) }
            }
            if (rank == 0) return Places({ longArrayOf(if (it == NONE) 0 else 1) }, longArrayOf(1), intArrayOf(0))
            return Places(
                { if (it == NONE) LongArray(heads.size) else joined { axis -> extents.corner(i, it, axis) } },
                joined { stored[it] },
                heads.toIntArray()
            )
        }
    }
}
