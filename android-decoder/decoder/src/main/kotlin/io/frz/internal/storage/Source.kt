package io.frz.internal.storage

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Budget
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.InterruptedIOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.channels.ClosedByInterruptException
import java.nio.channels.FileChannel
import java.util.concurrent.atomic.AtomicLong

/** The source of a file's bytes. */
internal interface Source : Closeable {
    /** Returns the size in bytes. A source of unknown size, such as a stream, is measured only up to [limit]. */
    fun size(limit: Long): Long

    /** Fills [target] with bytes, starting at [position]. */
    fun read(position: Long, target: ByteBuffer)

    /** Whether the bytes can change although nobody is allowed to modify them. */
    val isVolatile: Boolean get() = false

    /** Returns a stamp. If an equal one is returned later, the source has not been modified in between. */
    fun stamp(): Long = 0
}

/** The bytes between the position and limit of a buffer, which is neither copied nor modified. */
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

/**
 * A file on disk, read on demand. It is not read through a channel, because interrupting one thread would close the
 * channel for all.
 */
internal class FileSource(private val path: File) : Source {
    private val file = RandomAccessFile(path, "r")
    private val bytes = file.length()
    private val chunk by lazy { ByteArray(CHUNK) }
    private val unique = AtomicLong()

    override val isVolatile: Boolean get() = true

    override fun size(limit: Long): Long = bytes

    override fun read(position: Long, target: ByteBuffer): Unit = synchronized(file) {
        file.seek(position)
        while (target.hasRemaining()) {
            val count = if (target.hasArray()) readArray(target) else readChunk(target)
            if (count < 0) throw endsEarly(file.filePointer)
        }
    }

    /**
     * Returns a stamp from the time of the last modification. If that is recent, each stamp is different, because the
     * next modification could have the same time.
     */
    override fun stamp(): Long {
        val modified = path.lastModified()
        val isRecent = System.currentTimeMillis() - modified < RECENT_MILLIS
        return if (isRecent) unique.decrementAndGet() else modified * STAMP + path.length()
    }

    private fun readArray(target: ByteBuffer): Int {
        val count = file.read(target.array(), target.arrayOffset() + target.position(), target.remaining())
        if (count > 0) target.position(target.position() + count)
        return count
    }

    private fun readChunk(target: ByteBuffer): Int {
        val count = file.read(chunk, 0, minOf(CHUNK, target.remaining()))
        if (count > 0) target.put(chunk, 0, count)
        return count
    }

    override fun close(): Unit = file.close()

    private companion object {
        const val STAMP = 31

        /** The coarsest resolution of the times that file systems and old versions of Android provide, in ms. */
        const val RECENT_MILLIS = 2000
    }
}

/** Part of a file, [size] bytes, mapped into memory as [windows]. Interrupts do not affect the mapping. */
internal class MappedSource private constructor(private val windows: List<ByteBuffer>, private val size: Long) :
    Source {
    override fun size(limit: Long): Long = size

    override fun read(position: Long, target: ByteBuffer) {
        if (position + target.remaining() > size) throw endsEarly(size)
        var at = position
        while (target.hasRemaining()) {
            val view = windows[(at / WINDOW).toInt()].duplicate()
            view.position((at % WINDOW).toInt())
            view.limit(view.position() + minOf(view.remaining(), target.remaining()))
            at += view.remaining()
            target.put(view)
        }
    }

    override fun close() = Unit

    companion object {
        private const val WINDOW = 1L shl 30

        /** Maps [size] bytes of [channel], starting at [offset]. The caller can close the channel afterwards. */
        fun of(channel: FileChannel, offset: Long, size: Long): MappedSource = try {
            requireUninterrupted() // Otherwise, the channel would be closed.
            val all = channel.size()
            require(offset in 0..all && size in 0..all - offset) {
                "the channel has $all bytes; it does not contain $size bytes from offset $offset"
            }
            val windows = (0 until size step WINDOW).map { start ->
                channel.map(FileChannel.MapMode.READ_ONLY, offset + start, minOf(WINDOW, size - start))
            }
            MappedSource(windows, size)
        } catch (e: ClosedByInterruptException) {
            throw InterruptedIOException("the thread was interrupted").apply { initCause(e) }
        }
    }
}

/** A stream, read only as far as requests require and [budget] allows. The bytes read stay in memory. */
internal class StreamSource(private val stream: InputStream, private val budget: Budget) : Source {
    private val chunks = ArrayList<ByteArray>()
    private var bytes = 0L
    private var ended = false

    @Synchronized
    override fun size(limit: Long): Long {
        while (bytes < limit && !ended) {
            requireUninterrupted()
            val used = (bytes % CHUNK).toInt()
            if (used == 0) {
                budget.require(bytes + CHUNK, null)
                chunks.add(ByteArray(CHUNK))
            }
            val count = stream.read(chunks.last(), used, minOf(CHUNK - used.toLong(), limit - bytes).toInt())
            if (count == 0) throw IOException("the stream returned no bytes, although it has not ended")
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
}

private const val CHUNK = 1 shl 16

private fun requireUninterrupted() {
    if (Thread.currentThread().isInterrupted) throw InterruptedIOException("the thread was interrupted")
}

private fun endsEarly(size: Long) =
    FrzException(ErrorCode.TRUNCATED, "the file ends early; get it again", offset = size)
