package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.bases.Bases
import io.frz.internal.directory.Axes
import io.frz.internal.directory.Extents

/** Reads the fields of a group that specify how much of each core belongs to each tier. */
internal class ExtentsParser(private val fields: Fields, private val known: Known) {
    private val allowance = known.allowance

    fun parse(axes: Axes, elements: LongArray): Extents {
        val kept = fields.optional(GroupField.KEPT)?.let { kept(it, elements) }
        val corners = fields.optional(GroupField.CORNERS)?.let { corners(it, axes) }
        val perTier = fields.optional(GroupField.PER_TIER)?.atLeastOne("per_tier", 1) != null
        return Extents(kept, corners, perTier, axes.views)
    }

    private fun kept(reader: MessageReader, elements: LongArray): Array<IntArray> =
        tiers(reader, "kept", "kept of a tier", elements.size, elements.size) { tier, before ->
            for (i in tier.indices) tier[i] = length(reader, Limits.KEPT, elements[i], before?.get(i) ?: 0)
        }

    private fun corners(reader: MessageReader, axes: Axes): Array<IntArray> {
        val views = axes.views
        return tiers(reader, "corners", "corners of a tier", views.size, views.total) { tier, before ->
            var at = 0
            for (i in 0 until views.size) {
                reader.array("a corner", views.length(i))
                for (j in 0 until views.length(i)) {
                    val limit = Bases.of(axes.kind(j)).most
                    tier[at] = length(reader, limit, views.number(i, j), before?.get(at) ?: 0)
                    at++
                }
            }
        }
    }

    /** Reads one list of [size] entries for each tier; [read] converts each list to [counts] numbers. */
    private inline fun tiers(
        reader: MessageReader,
        what: String,
        ofTier: String,
        size: Int,
        counts: Int,
        read: (tier: IntArray, before: IntArray?) -> Unit
    ): Array<IntArray> {
        reader.array(what, known.tiers)
        var before: IntArray? = null
        return Array(known.tiers) {
            reader.array(ofTier, size)
            allowance.take(TIER_BYTES + Int.SIZE_BYTES * counts.toLong())
            val tier = IntArray(counts)
            read(tier, before)
            tier.also { before = it }
        }
    }

    /** Reads the number of entries of a tier: at least [before], the number in the previous tier, and at most [all]. */
    private fun length(reader: MessageReader, limit: Long, all: Long, before: Int): Int {
        val length = reader.uint("the number of core entries in a tier", limit)
        if (length < before) throw reader.fault(ErrorCode.SHAPE, "a tier has fewer core entries than the previous one")
        if (length > all) throw reader.fault(ErrorCode.SHAPE, "a core has $length entries, more than the $all possible")
        return length.toInt()
    }

    private companion object {
        /** The memory of a tier in bytes, excluding its counts. */
        const val TIER_BYTES = 32L
    }
}
