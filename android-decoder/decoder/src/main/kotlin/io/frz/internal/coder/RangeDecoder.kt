package io.frz.internal.coder

import io.frz.internal.container.Segment
import java.nio.ByteBuffer

/**
 * The adaptive binary range decoder; section 10.1 of the specification, step by step.
 *
 * A context is one Int: the probability of a 1 in units of 2⁻¹⁶, shifted by 8, and the number of bits seen.
 */
internal class RangeDecoder(private val segment: Segment) {
    private val chunk = ByteBuffer.allocate(minOf(segment.size, Segment.CHUNK.toLong()).toInt()).also { it.limit(0) }
    private var fetched = 0L
    private var range = 0xFFFFFFFFL
    private var code = 0L

    init {
        repeat(4) { code = code shl 8 or next() }
        if (code >= range) throw malformed()
    }

    /** A bit of the context at [index] of [contexts], which learns from it. */
    fun bit(contexts: IntArray, index: Int): Int {
        val context = contexts[index]
        val p = context ushr COUNT_BITS
        val n = context and MOST_COUNT
        val bound = (range ushr 16) * p
        val bit: Int
        val learned: Int
        if (code < bound) {
            range = bound
            bit = 1
            learned = p + ((65536L - p) * RATES[n] ushr 16).toInt()
        } else {
            code -= bound
            range -= bound
            bit = 0
            learned = p - (p.toLong() * RATES[n] ushr 16).toInt()
        }
        contexts[index] = (learned shl COUNT_BITS) or (if (n < MOST_BITS) n + 1 else n)
        normalize()
        return bit
    }

    /** A bit of probability one half. */
    fun direct(): Int {
        range = range ushr 1
        var bit = 0
        if (code >= range) {
            code -= range
            bit = 1
        }
        if (code >= range) throw malformed()
        normalize()
        return bit
    }

    /** Makes sure that all stored bytes have been used. */
    fun finish() {
        if (chunk.hasRemaining() || fetched < segment.size) {
            throw segment.malformed("a range-coded stream goes on after its last value")
        }
    }

    private fun normalize() {
        while (range < LEAST_RANGE) {
            range = range shl 8
            code = code shl 8 or next()
        }
    }

    private fun next(): Long {
        if (!chunk.hasRemaining() && !fetch()) return 0
        return chunk.get().toLong() and 0xFF
    }

    private fun fetch(): Boolean {
        if (fetched == segment.size) return false
        chunk.clear()
        chunk.limit(minOf(chunk.capacity().toLong(), segment.size - fetched).toInt())
        segment.read(fetched, chunk)
        chunk.flip()
        fetched += chunk.limit()
        return true
    }

    private fun malformed() = segment.malformed("a range-coded stream is malformed")

    companion object {
        /** How many values a segment of [stored] bytes may have. */
        fun mostValues(stored: Long): Long = (stored + 16) shl 12

        /** A context that has seen no bit. */
        const val FRESH = 32768 shl 8
        private const val COUNT_BITS = 8
        private const val MOST_COUNT = 0xFF
        private const val MOST_BITS = 254
        private const val LEAST_RANGE = 1L shl 24
        private val RATES = IntArray(MOST_BITS + 1) { 65536 / (it + 2) }
    }
}
