package io.frz.internal.storage

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Budget
import java.io.Closeable
import java.io.File
import java.io.InputStream
import java.io.RandomAccessFile
import java.nio.ByteBuffer

/** Where the bytes of a file come from. */
internal interface Source : Closeable {
    /** How many bytes there are; a source that cannot know counts no further than [limit]. */
    fun size(limit: Long): Long

    /** Fills [target] with the bytes from [position] on. */
    fun read(position: Long, target: ByteBuffer)
}

/** The bytes between position and limit of a buffer, which is neither copied nor changed. */
internal class BufferSource(buffer: ByteBuffer) : Source {
    private val bytes = buffer.slice()

    override fun size(limit: Long): Long = bytes.capacity().toLong()

    override fun read(position: Long, target: ByteBuffer) {
        if (position + target.remaining() > bytes.capacity()) throw endsEarly(bytes.capacity().toLong())
        val view = bytes.duplicate()
        view.position(position.toInt()).limit(position.toInt() + target.remaining())
        target.put(view)
    }

    override fun close() = Unit
}

/** A file on disk, read where and when a request needs it. */
internal class FileSource(file: File) : Source {
    private val channel = RandomAccessFile(file, "r").channel
    private val bytes = channel.size()

    override fun size(limit: Long): Long = bytes

    override fun read(position: Long, target: ByteBuffer) {
        var at = position
        while (target.hasRemaining()) {
            val count = channel.read(target, at)
            if (count < 0) throw endsEarly(at)
            at += count
        }
    }

    override fun close(): Unit = channel.close()
}

/** A stream, kept in memory as far as it has been read: no further than a request needs, and [budget] allows. */
internal class StreamSource(private val stream: InputStream, private val budget: Budget) : Source {
    private val chunks = ArrayList<ByteArray>()
    private var bytes = 0L
    private var ended = false

    @Synchronized
    override fun size(limit: Long): Long {
        while (bytes < limit && !ended) {
            val used = (bytes % CHUNK).toInt()
            if (used == 0) {
                budget.require(bytes + CHUNK, null)
                chunks.add(ByteArray(CHUNK))
            }
            val count = stream.read(chunks.last(), used, minOf(CHUNK - used.toLong(), limit - bytes).toInt())
            if (count < 0) ended = true else bytes += count
        }
        return bytes
    }

    @Synchronized
    override fun read(position: Long, target: ByteBuffer) {
        if (size(position + target.remaining()) < position + target.remaining()) throw endsEarly(bytes)
        var at = position
        while (target.hasRemaining()) {
            val offset = (at % CHUNK).toInt()
            val count = minOf(CHUNK - offset, target.remaining())
            target.put(chunks[(at / CHUNK).toInt()], offset, count)
            at += count
        }
    }

    override fun close() = Unit

    private companion object {
        const val CHUNK = 1 shl 16
    }
}

private fun endsEarly(size: Long) =
    FrzException(ErrorCode.TRUNCATED, "the file ends early; get it again", offset = size)
