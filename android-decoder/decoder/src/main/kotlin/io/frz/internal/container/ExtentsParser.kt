package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.bases.Bases
import io.frz.internal.directory.Axes
import io.frz.internal.directory.Extents

/** Reads how much of each core of a group each tier has. */
internal class ExtentsParser(private val fields: Fields, private val known: Known) {
    private val allowance = known.allowance

    fun parse(axes: Axes, elements: LongArray): Extents {
        val kept = fields.optional(GroupKeys.KEPT)?.let { kept(it, elements) }
        val corners = fields.optional(GroupKeys.CORNERS)?.let { corners(it, axes) }
        val perTier = fields.optional(GroupKeys.PER_TIER)?.atLeastOne("per_tier", 1) != null
        return Extents(kept, corners, perTier, axes.views)
    }

    private fun kept(reader: MessageReader, elements: LongArray): Array<IntArray> {
        reader.array("kept", known.tiers)
        var before: IntArray? = null
        return Array(known.tiers) {
            reader.array("kept of a tier", elements.size)
            allowance.take(TIER_BYTES + Int.SIZE_BYTES * elements.size.toLong())
            val tier = IntArray(elements.size)
            for (i in tier.indices) tier[i] = length(reader, Limits.KEPT, elements[i], before?.get(i) ?: 0)
            tier.also { before = it }
        }
    }

    private fun corners(reader: MessageReader, axes: Axes): Array<IntArray> {
        val views = axes.views
        reader.array("corners", known.tiers)
        var before: IntArray? = null
        return Array(known.tiers) {
            reader.array("corners of a tier", views.size)
            allowance.take(TIER_BYTES + Int.SIZE_BYTES * views.total.toLong())
            val tier = IntArray(views.total)
            var at = 0
            for (i in 0 until views.size) {
                reader.array("a corner", views.length(i))
                for (j in 0 until views.length(i)) {
                    val limit = Bases.of(axes.kind(j)).most
                    tier[at] = length(reader, limit, views.number(i, j), before?.get(at) ?: 0)
                    at++
                }
            }
            tier.also { before = it }
        }
    }

    /** Reads how many of [all] entries a tier has, if the tier before it has [before]. */
    private fun length(reader: MessageReader, limit: Long, all: Long, before: Int): Int {
        val length = reader.uint("a tier's part of a core", limit)
        if (length < before) throw reader.fault(ErrorCode.SHAPE, "a tier has less of a core than the one before")
        if (length > all) throw reader.fault(ErrorCode.SHAPE, "a core has $length entries where there are $all at most")
        return length.toInt()
    }

    private companion object {
        /** The bytes that a tier takes in addition to its counts. */
        const val TIER_BYTES = 32L
    }
}
