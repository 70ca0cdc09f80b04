package io.frz.internal.coder

/**
 * A binary range decoder, which follows section 10.1 of the specification step by step.
 *
 * A counter is stored in one Int: the lowest 8 bits are n, which grows with each bit seen, up to 255; the next 22 bits
 * are p, the probability of a 1.
 */
internal class BitDecoder(private val bytes: SegmentPart) {
    private var range = 0xFFFFFFFFL
    private var code = 0L

    init {
        repeat(4) { code = code shl 8 or bytes.orZero().toLong() }
        if (code >= range) throw malformed()
    }

    /** Decodes a bit with the counter at [index] of [counters], and updates the counter. */
    fun bit(counters: IntArray, index: Int): Int {
        val counter = counters[index]
        val p = counter ushr COUNT_BITS
        val n = counter and MOST_COUNT
        val bound = (range ushr 16) * (p ushr 6 or 8)
        val bit: Int
        val learned: Int
        if (code < bound) {
            range = bound
            bit = 1
            learned = p + ((CERTAIN - p) * RATES[n] ushr 16).toInt()
        } else {
            code -= bound
            range -= bound
            bit = 0
            learned = p - (p * RATES[n] ushr 16).toInt()
        }
        counters[index] = learned shl COUNT_BITS or minOf(n + 1, MOST_COUNT)
        normalize()
        return bit
    }

    /** Decodes a bit whose probability is one half. */
    fun direct(): Int {
        range = range ushr 1
        var bit = 0
        if (code >= range) {
            code -= range
            bit = 1
            if (code >= range) throw malformed()
        }
        normalize()
        return bit
    }

    /** Checks that all bytes have been consumed. */
    fun finish() {
        if (bytes.position < bytes.end) throw bytes.malformed("a stream continues after its last value")
    }

    private fun normalize() {
        while (range < LEAST_RANGE) {
            range = range shl 8
            code = code shl 8 or bytes.orZero().toLong()
        }
    }

    private fun malformed() = bytes.malformed("an adaptively coded stream is malformed")

    companion object {
        private const val COUNT_BITS = 8
        private const val MOST_COUNT = 0xFF
        private const val CERTAIN = 1L shl 22
        private const val LEAST_RANGE = 1L shl 24
        private val RATES = LongArray(MOST_COUNT + 1) { 131072L / (2 * it + 3) }

        /** Returns a counter with the probability [p], in units of 2⁻¹⁶, that counts as having seen [n] bits. */
        fun counter(p: Long, n: Int): Int = (p.coerceIn(2048L, 65535L).toInt() shl 6 + COUNT_BITS) or n
    }
}
