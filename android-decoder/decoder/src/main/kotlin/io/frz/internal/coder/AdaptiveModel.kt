package io.frz.internal.coder

/**
 * The statistics of a group's values, which carry over from tensor to tensor; see section 10.3 of the specification.
 *
 * @param isOfIntegers whether the values are true integers, rather than the integer parts of floats
 */
internal class AdaptiveModel(isOfIntegers: Boolean) {
    private val first = if (isOfIntegers) Counters.OF_INTEGERS else Counters.OF_FLOATS

    /** Counters for zero values, by zone and certainty of the sign. */
    val zero: IntArray = first.zero.clone()

    /** Counters for the number of bits, by zone and agreement of the sign. */
    val longer: IntArray = first.longer.clone()

    /** Counters for the bit below the leading one, by zone and number of bits. */
    val top: IntArray = first.top.clone()

    /** Counters for whether the sign differs from that of the guess, by level of the guess. */
    val sign = IntArray(LEVELS) { BitDecoder.counter(32768, 4) }

    /** The initial scale of a group, in the units of terms. */
    var base = 0
        private set

    /** Whether decoding of the group's first segment has started. */
    var isStarted = false
        private set

    var weight = 0
    val taps = IntArray(4)

    /** Reads the scale at the beginning of the group's first segment, [bytes]. */
    fun start(bytes: SegmentPart) {
        if (isStarted) return
        val scale = bytes.next()
        if (scale > Scales.LAST) throw bytes.malformed("a stream begins with scale $scale, which is out of range")
        base = (scale - Scales.ORIGIN) shl Scales.FRACTION_BITS
        isStarted = true
    }

    /** The counters of a new model, initialized as if each had seen [bits] bits of a geometric distribution. */
    private class Counters(bits: Int) {
        val zero = IntArray(ZONES * SURENESSES)
        val longer = IntArray(ZONES * AGREEMENTS * LENGTHS)
        val top = IntArray(ZONES * LENGTHS)

        init {
            for (zone in 0 until ZONES) {
                val mean = Scales.mean(2 * zone + 1)
                var t = 65536 * mean / (4096 + mean)
                zero.fill(BitDecoder.counter(t, bits), zone * SURENESSES, (zone + 1) * SURENESSES)
                for (length in 0 until LENGTHS) {
                    for (agreement in 0 until AGREEMENTS) {
                        longer[(zone * AGREEMENTS + agreement) * LENGTHS + length] = BitDecoder.counter(t, bits)
                    }
                    top[zone * LENGTHS + length] = BitDecoder.counter(65536 * t / (65536 + t), bits)
                    t = t * t shr 16
                }
            }
        }

        companion object {
            val OF_INTEGERS = Counters(16)
            val OF_FLOATS = Counters(4)
        }
    }

    companion object {
        const val ZONES = 120
        const val SURENESSES = 3
        const val AGREEMENTS = 5
        const val LENGTHS = 30
        const val LEVELS = 5
    }
}
