package io.frz.internal.coder

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The header of a Zstandard frame (RFC 8878, section 3.1.1), with the restrictions that the `.frz` format adds. */
internal object ZstdFrame {
    /** The maximum size of a frame's header, in bytes. */
    const val HEADER_SIZE = 18

    /** The maximum window size that a frame may require, in bytes. */
    const val MOST_WINDOW = 1L shl 23
    private const val MAGIC = 0xFD2FB528.toInt()

    /**
     * Returns what is wrong with the frame that starts with the bytes [start] and should decompress to [length] bytes,
     * or null.
     */
    fun problem(start: ByteBuffer, length: Long): String? {
        val bytes = start.order(ByteOrder.LITTLE_ENDIAN)
        if (bytes.remaining() < 6 || bytes.getInt() != MAGIC) return "a zstd frame has no header"
        val descriptor = bytes.get().toInt()
        val isSingleSegment = descriptor and 0x20 != 0
        val window = if (isSingleSegment) null else windowSize(bytes.get().toInt())
        val dictionary = field(bytes, intArrayOf(0, 1, 2, 4)[descriptor and 3])
        val contentBytes = intArrayOf(if (isSingleSegment) 1 else 0, 2, 4, 8)[descriptor shr 6 and 3]
        val content = field(bytes, contentBytes)?.let { if (contentBytes == 2) it + 256 else it }
        return when {
            dictionary == null || content == null -> "a zstd frame ends within its header"
            dictionary != 0L -> "a zstd frame requires a dictionary"
            contentBytes > 0 && content != length -> "a zstd frame does not have the length of its tensors"
            (window ?: content) > MOST_WINDOW -> "a zstd frame has a window of more than $MOST_WINDOW bytes"
            else -> null
        }
    }

    private fun windowSize(descriptor: Int): Long {
        val base = 1L shl (10 + (descriptor shr 3 and 31))
        return base + base / 8 * (descriptor and 7)
    }

    private fun field(bytes: ByteBuffer, size: Int): Long? {
        if (bytes.remaining() < size) return null
        var value = 0L
        repeat(size) { value = value or (bytes.get().toLong() and 0xFF shl 8 * it) }
        return value
    }
}
