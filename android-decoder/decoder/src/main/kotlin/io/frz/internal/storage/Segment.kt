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
    /** The checksum of each block of [CHUNK] bytes; empty if the source is not volatile. Null if unverified. */
    private var checksums: IntArray? = null
    private val block by lazy { ByteBuffer.allocate(minOf(size, CHUNK.toLong()).toInt()) }
    private var fetched = NONE

    /**
     * Reads the whole segment, verifies its checksum and returns the checksums of its blocks. This or [trust] must be
     * called before anything is decoded.
     */
    fun verify(): IntArray {
        val whole = CRC32()
        val found = IntArray(if (source.isVolatile) ((size + CHUNK - 1) / CHUNK).toInt() else 0)
        val chunk = ByteBuffer.allocate(minOf(size, CHUNK.toLong()).toInt())
        var at = 0L
        while (at < size) {
            request.check()
            chunk.clear()
            chunk.limit(minOf(size - at, CHUNK.toLong()).toInt())
            source.read(offset + at, chunk)
            whole.update(chunk.array(), 0, chunk.limit())
            if (source.isVolatile) found[(at / CHUNK).toInt()] = checksum(chunk)
            at += chunk.limit()
        }
        val stored = ByteBuffer.allocate(CHECKSUM_SIZE).order(ByteOrder.LITTLE_ENDIAN)
        source.read(offset + size, stored)
        if (whole.value.toInt() != stored.getInt(0)) {
            throw damaged("a segment does not match its checksum: the file is damaged; get it again")
        }
        return found.also(::trust)
    }

    /** Uses the [checksums] that another request has verified. */
    fun trust(checksums: IntArray) {
        this.checksums = checksums
    }

    /** Throws if the request must end. */
    fun check(): Unit = request.check()

    /**
     * Fills [target] with bytes of the segment, starting at offset [at] from its start. Throws if they are not those
     * that were verified.
     */
    fun read(at: Long, target: ByteBuffer) {
        check()
        if (!source.isVolatile) return source.read(offset + at, target)
        var from = at
        while (target.hasRemaining()) {
            fetch((from / CHUNK).toInt())
            block.position((from % CHUNK).toInt())
            val rest = block.limit()
            block.limit(minOf(rest, block.position() + target.remaining()))
            from += block.remaining()
            target.put(block)
            block.limit(rest)
        }
    }

    /** Reads block [index] into [block] and compares its checksum, unless it is there already. */
    private fun fetch(index: Int) {
        if (index == fetched) return
        fetched = NONE
        val start = index.toLong() * CHUNK
        block.clear()
        block.limit(minOf(size - start, CHUNK.toLong()).toInt())
        source.read(offset + start, block)
        if (checksum(block) != checkNotNull(checksums)[index]) {
            throw damaged("the file was modified while it was read; load it again, and replace files only by renaming")
        }
        fetched = index
    }

    private fun checksum(chunk: ByteBuffer): Int =
        CRC32().apply { update(chunk.array(), 0, chunk.limit()) }.value.toInt()

    private fun damaged(problem: String) = FrzException(ErrorCode.CHECKSUM, problem, tensor, offset)

    /** Returns the error for a malformed stream with this [problem]. */
    fun malformed(problem: String, cause: Throwable? = null): FrzException =
        FrzException(ErrorCode.STREAM, problem, tensor, offset, cause)

    companion object {
        const val CHECKSUM_SIZE = 4

        /** The size of the buffer through which a segment is read. */
        const val CHUNK = 1 shl 16

        private const val NONE = -1
    }
}
