package io.frz.template.internal

import java.io.Closeable
import java.nio.ByteBuffer
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/** Reads the inflated bytes of the raw DEFLATE stream in [bytes] from [start] to [end], in order. */
internal class Stream(bytes: ByteArray, start: Int, end: Int) : Closeable {
    private val inflater = Inflater(true).apply { setInput(bytes, start, end - start) }
    private val chunk = ByteArray(CHUNK)

    /** Returns the next [size] bytes. */
    fun take(size: Int): ByteArray {
        val bytes = ByteArray(size)
        var done = 0
        while (done < size) done += inflate(bytes, done, size - done)
        return bytes
    }

    /** Copies the next [size] bytes to [target]. Calls [check] between chunks, which can cancel it by an exception. */
    fun copy(size: Long, target: ByteBuffer, check: () -> Unit) {
        var left = size
        while (left > 0) {
            check()
            val count = inflate(chunk, 0, minOf(left, CHUNK.toLong()).toInt())
            target.put(chunk, 0, count)
            left -= count
        }
    }

    /** Checks that the stream ends here and that no bytes follow it. */
    fun finish() {
        val isEnd = guarded { inflater.inflate(chunk, 0, 1) } == 0
        if (!isEnd || !inflater.finished() || inflater.remaining > 0) {
            throw damaged("its stream does not end where it should")
        }
    }

    private fun inflate(target: ByteArray, start: Int, size: Int): Int {
        val count = guarded { inflater.inflate(target, start, size) }
        if (count == 0) throw damaged("its stream ends too early")
        return count
    }

    private inline fun guarded(inflate: () -> Int): Int = try {
        inflate()
    } catch (e: DataFormatException) {
        throw damaged("its stream is malformed", e)
    }

    override fun close(): Unit = inflater.end()

    private companion object {
        const val CHUNK = 1 shl 16
    }
}
