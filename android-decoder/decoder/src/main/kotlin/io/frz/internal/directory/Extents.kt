package io.frz.internal.directory

import io.frz.internal.saturatedProduct

/**
 * How much of each core of a group the tiers have: so many entries in zigzag order, a corner, or all of it.
 *
 * @property kept for each tier and tensor; null if cores are corners
 * @param corners for each tier those of all tensors one after the other; null if every corner is as large as the view
 * @property perTier whether every tier has the tensors anew
 */
internal class Extents(
    val kept: Array<IntArray>?,
    private val corners: Array<IntArray>?,
    val perTier: Boolean,
    private val views: Lists
) {
    /** Whether the file gives corners. */
    val hasCorners: Boolean get() = corners != null

    /** Whether there is a segment for every tier. */
    val isTiered: Boolean get() = kept != null || corners != null || perTier

    /** How many entries of tensor [i] the tiers up to [tier] have in zigzag order, which are what [kept] gives. */
    fun kept(i: Int, tier: Int): Int = checkNotNull(kept)[tier][i]

    /** The corner that the core of tensor [i] is at [tier], if it is one. Each call gives a new array. */
    fun corner(i: Int, tier: Int): LongArray = LongArray(views.length(i)) { corner(i, tier, it) }

    /** The length of that corner on axis [j]. */
    fun corner(i: Int, tier: Int, j: Int): Long =
        if (corners == null) views.number(i, j) else corners[tier][views.start(i) + j].toLong()

    /** How many values tensor [i] has at [tier], those of the tiers before included, with [offsets] of its steps. */
    fun values(i: Int, tier: Int, offsets: Int): Long {
        if (kept != null) return kept(i, tier).toLong()
        var count = 1L
        var more = 0L
        for (j in 0 until views.length(i)) {
            val length = corner(i, tier, j)
            count = if (length == 0L) 0 else saturatedProduct(count, length)
            if (offsets shr j and 1 == 1) more += length
        }
        return count + more
    }
}
