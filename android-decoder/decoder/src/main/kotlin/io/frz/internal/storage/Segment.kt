package io.frz.internal.storage

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Request
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32

/** The stored bytes of one group in one tier: [size] bytes, starting at [offset], followed by their CRC-32. */
internal class Segment(
    private val source: Source,
    private val request: Request,
    val offset: Long,
    val size: Long,
    private val tensor: String?
) {
    /** Reads the whole segment, verifies its checksum and returns it. Must be called before anything is decoded. */
    fun verify(): Long {
        val checksum = CRC32()
        val chunk = ByteBuffer.allocate(minOf(size, CHUNK.toLong()).toInt())
        var at = 0L
        while (at < size) {
            request.check()
            chunk.clear()
            chunk.limit(minOf(size - at, CHUNK.toLong()).toInt())
            read(at, chunk)
            checksum.update(chunk.array(), 0, chunk.limit())
            at += chunk.limit()
        }
        val stored = ByteBuffer.allocate(CHECKSUM_SIZE).order(ByteOrder.LITTLE_ENDIAN)
        source.read(offset + size, stored)
        if (checksum.value != stored.getInt(0).toLong() and 0xFFFFFFFFL) {
            throw FrzException(
                ErrorCode.CHECKSUM,
                "a segment does not match its checksum: the file is damaged; get it again",
                tensor,
                offset
            )
        }
        return checksum.value
    }

    /** Verifies the segment again after decoding, and throws if it no longer has the [checksum] that it had before. */
    fun verifyUnchanged(checksum: Long) {
        if (verify() != checksum) {
            throw FrzException(
                ErrorCode.CHECKSUM,
                "the file was modified while it was read; load it again, and replace files only by renaming",
                tensor,
                offset
            )
        }
    }

    /** Throws if the request must end. */
    fun check(): Unit = request.check()

    /** Fills [target] with bytes of the segment, starting at offset [at] from its start. */
    fun read(at: Long, target: ByteBuffer) {
        check()
        source.read(offset + at, target)
    }

    /** Returns the error for a malformed stream with this [problem]. */
    fun malformed(problem: String, cause: Throwable? = null): FrzException =
        FrzException(ErrorCode.STREAM, problem, tensor, offset, cause)

    companion object {
        const val CHECKSUM_SIZE = 4

        /** The size of the buffer through which a segment is read. */
        const val CHUNK = 1 shl 16
    }
}
