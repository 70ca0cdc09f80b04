package io.frz.internal.values

import io.frz.internal.Request
import io.frz.internal.coder.Coders
import io.frz.internal.container.Container
import io.frz.internal.directory.Group

/** Reads groups at the tier of a [container]. */
internal class GroupReader(private val container: Container, private val request: Request) {
    /** Reads all segments of [group] that the tier uses: first the checksum of each, then its values. */
    fun read(group: Group, readers: (i: Int) -> ValueReader) {
        val decoder = Coders.of(group.numbers.coder).decoder(group)
        var before = Places.NONE
        for (tier in group.usedTiers(container.tier)) {
            container.segment(group, tier, request)?.let { segment ->
                segment.verify()
                decoder.open(segment, group.numbers.count(tier)).use { stream ->
                    for (i in 0 until group.size) readers(i).read(stream, before, tier)
                    stream.finish()
                }
            }
            before = tier
        }
    }
}
