package io.frz.internal.coder

import io.frz.internal.container.Segment
import java.nio.ByteBuffer

/** Coder `none`: the values as they are. */
internal class PlainStream(private val segment: Segment) : ValueStream {
    private var position = 0L

    override fun read(target: ByteBuffer) {
        val count = target.remaining()
        if (position + count > segment.size) throw segment.malformed("a segment has fewer values than its tensors")
        segment.read(position, target)
        position += count
    }

    override fun finish() {
        if (position < segment.size) throw segment.malformed("a segment has more values than its tensors")
    }
}
