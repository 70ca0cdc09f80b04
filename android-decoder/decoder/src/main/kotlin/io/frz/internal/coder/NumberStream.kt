package io.frz.internal.coder

import io.frz.DType
import io.frz.internal.storage.Segment
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The [count] values of a segment, decoded as numbers and converted to bytes. */
internal abstract class NumberStream(private val type: DType, count: Long) : ValueStream {
    private val size = minOf(Segment.CHUNK / Int.SIZE_BYTES.toLong(), count).toInt()
    private val numbers by lazy { IntArray(size) }
    private val shorts by lazy { ShortArray(size) }

    override fun read(target: ByteBuffer) {
        while (target.hasRemaining()) {
            val count = minOf(target.remaining() / type.bytes, size)
            read(numbers, 0, count)
            put(target.slice().order(ByteOrder.LITTLE_ENDIAN), count)
            target.position(target.position() + count * type.bytes)
        }
    }

    private fun put(target: ByteBuffer, count: Int) {
        if (type.bytes == Int.SIZE_BYTES) {
            target.asIntBuffer().put(numbers, 0, count)
        } else {
            for (i in 0 until count) shorts[i] = numbers[i].toShort()
            target.asShortBuffer().put(shorts, 0, count)
        }
    }
}
