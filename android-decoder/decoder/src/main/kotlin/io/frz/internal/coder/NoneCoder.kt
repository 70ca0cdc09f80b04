package io.frz.internal.coder

import io.frz.Coder
import io.frz.internal.directory.Group
import java.nio.ByteBuffer

/** Coder `none`: the bytes of the values, uncompressed. */
internal object NoneCoder : ByteCoder() {
    override val coder = Coder.NONE
    override val isCompressed = false

    override fun decoder(group: Group) = SegmentDecoder { segment, count ->
        object : ByteStream(group.valueType, count) {
            private var position = 0L

            override fun read(target: ByteBuffer) {
                val count = target.remaining()
                segment.read(position, target)
                position += count
            }

            override fun skip(count: Long): Boolean {
                position += count * group.valueType.bytes
                return true
            }

            /** Does nothing: the checks of the directory guarantee that the segment is as long as its values. */
            override fun finish() = Unit
        }
    }
}
