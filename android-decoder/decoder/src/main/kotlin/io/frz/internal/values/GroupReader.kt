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
    /** For each group whose segments have been verified and read completely, the file's stamp before reading. */
    private val sound = AtomicReferenceArray<Long>(container.directory.groups.size)

    /**
     * Reads all segments of [group] that the tier needs, and verifies the checksum of each before reading its values.
     */
    fun readAll(group: Group, request: Request, readers: (i: Int) -> ValueReader) {
        val stamp = container.stamp()
        read(group, request, group.size - 1, isSound = false, readers)
        sound[group.index] = stamp
    }

    /** Like [readAll], but stops after tensor [last] if an earlier call has verified and read the whole group. */
    fun readUntil(last: Int, group: Group, request: Request, readers: (i: Int) -> ValueReader) =
        if (sound[group.index] == container.stamp()) {
            read(group, request, last, isSound = true, readers)
        } else {
            readAll(group, request, readers)
        }

    private fun read(group: Group, request: Request, last: Int, isSound: Boolean, readers: (i: Int) -> ValueReader) {
        val decoder = Coders.of(group.numbers.coder).decoder(group)
        val tiers = group.usedTiers(container.tier)
        var before = Places.NONE
        for (tier in tiers) {
            val end = if (tier == tiers.last) last else group.size - 1
            container.segment(group, tier, request)?.let { segment ->
                if (!isSound) segment.verify()
                decoder.open(segment, group.numbers.count(tier)).use { stream ->
                    for (i in 0..end) read(group, i, readers(i), stream, before, tier, request)
                    if (end == group.size - 1) stream.finish()
                }
            }
            before = tier
        }
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
