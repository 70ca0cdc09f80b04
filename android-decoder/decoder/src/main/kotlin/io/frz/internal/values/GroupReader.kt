package io.frz.internal.values

import io.frz.internal.Request
import io.frz.internal.coder.Coders
import io.frz.internal.coder.DeltaStream
import io.frz.internal.coder.ValueStream
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import java.util.concurrent.atomic.AtomicReferenceArray

/**
 * Reads the groups of the file that [container] describes, at the container's tier. [base] is the base of a delta file,
 * or null.
 */
internal class GroupReader(private val container: Container, private val base: Base?) {
    /**
     * The file's [stamp] before the segments of a group were verified and read completely, and the checksums of the
     * blocks of each.
     */
    private class Sound(val stamp: Long, val checksums: List<IntArray>)

    private val sound = AtomicReferenceArray<Sound>(container.directory.groups.size)

    /**
     * Reads all segments of [group] that the tier needs, and verifies the checksum of each before reading its values.
     */
    fun readAll(group: Group, request: Request, readers: (i: Int) -> ValueReader) =
        read(group, request, group.size - 1, null, readers)

    /** Like [readAll], but stops after tensor [last] if an earlier call has verified and read the whole group. */
    fun readUntil(last: Int, group: Group, request: Request, readers: (i: Int) -> ValueReader) {
        val known = sound[group.index]?.takeIf { it.stamp == container.stamp() }
        read(group, request, if (known == null) group.size - 1 else last, known, readers)
    }

    private fun read(group: Group, request: Request, last: Int, known: Sound?, readers: (i: Int) -> ValueReader) {
        val stamp = known?.stamp ?: container.stamp()
        val checksums = ArrayList<IntArray>()
        val decoder = Coders.of(group.numbers.coder).decoder(group)
        val tiers = group.usedTiers(container.tier)
        var before = Places.NONE
        for (tier in tiers) {
            val end = if (tier == tiers.last) last else group.size - 1
            container.segment(group, tier, request)?.let { segment ->
                val trusted = known?.checksums?.get(checksums.size)?.also(segment::trust)
                checksums.add(trusted ?: segment.verify())
                decoder.open(segment, group.numbers.count(tier)).use { stream ->
                    for (i in 0..end) read(group, i, readers(i), stream, before, tier, request)
                    if (end == group.size - 1) stream.finish()
                }
            }
            before = tier
        }
        if (known == null) sound[group.index] = Sound(stamp, checksums)
    }

    /**
     * Passes the values of tensor [i] of [group] in [stream] to [reader]. In a delta file, adds differences to the
     * base's values.
     */
    private fun read(
        group: Group,
        i: Int,
        reader: ValueReader,
        stream: ValueStream,
        before: Int,
        tier: Int,
        request: Request
    ) {
        if (!group.numbers.isDelta || !reader.looks) return reader.read(stream, before, tier)
        val values = checkNotNull(base).values(checkNotNull(group.name(i)), request)
        val sums = DeltaStream(stream, values, group.valueType, group.numbers.isStepped)
        reader.read(sums, before, tier)
        if (sums.isBeyond) reader.refuse("an integer is out of range")
    }
}
