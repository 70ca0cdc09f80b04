package io.frz.internal.coder

import io.frz.internal.directory.Group

/**
 * Consecutive values of one tensor in a segment: the step offsets of one axis, or the entries of its core.
 *
 * @property axis the axis to which the offsets belong; null for core entries
 * @property blocks the nonempty blocks of the run
 */
internal class Run(val axis: Int?, val blocks: List<Block>) {
    /** The number of values. */
    val count: Long = blocks.fold(0L) { sum, block -> sum + block.count }

    companion object {
        /** Returns the nonempty runs of tensor [i] of [group] in the segment of [tier], in order. */
        fun of(group: Group, i: Int, tier: Int): List<Run> {
            val extents = group.extents
            val hasOlder = tier > 0 && !extents.perTier
            if (extents.kept != null) {
                val count = extents.kept(i, tier) - if (hasOlder) extents.kept(i, tier - 1) else 0
                return if (count == 0) emptyList() else listOf(Run(null, listOf(Block.line(count.toLong()))))
            }
            val now = extents.corner(i, tier)
            if (now.isEmpty()) return if (hasOlder) emptyList() else listOf(Run(null, listOf(Block.of(now))))
            val before = if (hasOlder) extents.corner(i, tier - 1) else LongArray(now.size)
            val offsets = now.indices.filter { group.numbers.hasOffsets(it) && now[it] > before[it] }
                .map { Run(it, listOf(Block.line(now[it] - before[it], areOffsets = true))) }
            val slabs = now.indices.map { slab(before, now, it) }.filter { 0L !in it }
            return if (slabs.isEmpty()) offsets else offsets + Run(null, slabs.map { Block.of(it) })
        }

        /**
         * Returns the shape of the entries that corner [now] adds to [before] along [axis], but along no earlier axis.
         */
        private fun slab(before: LongArray, now: LongArray, axis: Int) = LongArray(now.size) { j ->
            when {
                j < axis -> now[j]
                j > axis -> before[j]
                else -> now[j] - before[j]
            }
        }
    }
}
