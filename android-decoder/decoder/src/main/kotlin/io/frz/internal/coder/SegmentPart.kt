package io.frz.internal.coder

import io.frz.FrzException
import io.frz.internal.storage.Segment
import java.nio.ByteBuffer

/** Reads the bytes of [segment] from [position] to [end] − 1 in order, and never any others. */
internal class SegmentPart(val segment: Segment, position: Long, val end: Long) {
    private val chunk = ByteArray(minOf(end - position, Segment.CHUNK.toLong()).toInt())
    private var fetched = position
    private var used = 0
    private var have = 0

    /** The position of the next byte. */
    val position: Long get() = fetched - (have - used)

    /** Returns the next byte, or 0 at the end of this part. */
    fun orZero(): Int = if (used < have || fetch()) chunk[used++].toInt() and 0xFF else 0

    /** Returns the next byte. */
    fun next(): Int {
        if (used == have && !fetch()) throw segment.malformed("a stream ends early")
        return chunk[used++].toInt() and 0xFF
    }

    /** Reads an unsigned LEB128 number of up to 49 bits, seven in each byte. */
    fun leb128(): Long {
        var number = 0L
        for (i in 0 until MOST_DIGITS) {
            val byte = next()
            number = number or ((byte and DIGIT).toLong() shl DIGIT_BITS * i)
            if (byte <= DIGIT) return number
        }
        throw segment.malformed("a length in a stream has too many bytes")
    }

    /** Returns the next [size] bytes as a separate part and skips them in this one. */
    fun part(size: Long): SegmentPart {
        val start = position
        if (size > end - start) throw segment.malformed("a part of a stream is longer than the stream")
        fetched = start + size
        used = 0
        have = 0
        return SegmentPart(segment, start, start + size)
    }

    /** Reads the next [size] bytes into [target]. */
    fun read(target: ByteArray, size: Int) {
        val start = position
        segment.read(start, ByteBuffer.wrap(target, 0, size))
        fetched = start + size
        used = 0
        have = 0
    }

    /** Throws if the request must end. */
    fun check(): Unit = segment.check()

    fun malformed(problem: String): FrzException = segment.malformed(problem)

    private fun fetch(): Boolean {
        val count = minOf(chunk.size.toLong(), end - fetched).toInt()
        if (count == 0) return false
        segment.read(fetched, ByteBuffer.wrap(chunk, 0, count))
        fetched += count
        used = 0
        have = count
        return true
    }

    private companion object {
        const val MOST_DIGITS = 7
        const val DIGIT_BITS = 7
        const val DIGIT = 0x7F
    }
}
