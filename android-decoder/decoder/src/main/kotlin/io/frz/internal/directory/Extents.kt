package io.frz.internal.directory

import io.frz.internal.saturatedProduct

/**
 * Specifies how much of each core of a group belongs to each tier: a number of entries in zigzag order, a corner, or
 * the whole core.
 *
 * @property kept for each tier, the number of entries of each tensor; null if cores are corners
 * @param corners for each tier, the corners of all tensors back to back; null if every corner is the whole view
 * @property perTier whether every tier stores its own version of the tensors, complete or up to the tier's corner
 */
internal class Extents(
    val kept: Array<IntArray>?,
    private val corners: Array<IntArray>?,
    val perTier: Boolean,
    private val views: Lists
) {
    /** Whether the file specifies corners. */
    val hasCorners: Boolean get() = corners != null

    /** Whether there is a segment for every tier. */
    val isTiered: Boolean get() = kept != null || corners != null || perTier

    /** Returns the number of entries of tensor [i] in the tiers up to [tier]; requires that [kept] is not null. */
    fun kept(i: Int, tier: Int): Int = checkNotNull(kept)[tier][i]

    /** Returns the shape of the core of tensor [i] at [tier], which must be a corner. Each call returns a new array. */
    fun corner(i: Int, tier: Int): LongArray = LongArray(views.length(i)) { corner(i, tier, it) }

    /** Returns the length of the core of tensor [i] at [tier], which must be a corner, along axis [j]. */
    fun corner(i: Int, tier: Int, j: Int): Long =
        if (corners == null) views.number(i, j) else corners[tier][views.start(i) + j].toLong()

    /** Returns the number of values of tensor [i] in the tiers up to [tier], including its step [offsets]. */
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
