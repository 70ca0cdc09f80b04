package io.frz.internal.coder

import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct
import io.frz.internal.storage.Segment
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** A coder of bytes, for exact values of any type. */
internal abstract class ByteCoder : SegmentCoder {
    override fun takes(type: DType, areIntegers: Boolean): Boolean = !areIntegers

    override fun workingBytes(group: Group): Long = 0
}

/** The [count] values of a segment, decoded as bytes and converted to numbers. */
internal abstract class ByteStream(private val type: DType, count: Long) : ValueStream {
    /** The number of bytes to process at a time. */
    protected val chunkSize: Int = minOf(Segment.CHUNK.toLong(), saturatedProduct(count, type.bytes.toLong())).toInt()
    private val chunk by lazy { ByteBuffer.allocate(chunkSize).order(ByteOrder.LITTLE_ENDIAN) }

    override fun read(target: IntArray, from: Int, count: Int) {
        var done = 0
        while (done < count) {
            val part = minOf(count - done, chunkSize / type.bytes)
            chunk.clear().limit(part * type.bytes)
            read(chunk)
            chunk.flip()
            numbers(target, from + done, part)
            done += part
        }
    }

    private fun numbers(target: IntArray, from: Int, count: Int) {
        when (type.bytes) {
            Int.SIZE_BYTES -> chunk.asIntBuffer().get(target, from, count)

            Short.SIZE_BYTES -> {
                val shorts = chunk.asShortBuffer()
                for (i in 0 until count) target[from + i] = shorts.get(i).toInt() and 0xFFFF
            }

            else -> for (i in 0 until count) target[from + i] = chunk.get(i).toInt() and 0xFF
        }
    }
}
