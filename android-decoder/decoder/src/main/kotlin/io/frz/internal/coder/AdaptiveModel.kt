package io.frz.internal.coder

/**
 * What the values of a group teach about those that follow, from tensor to tensor; section 10.3 of the specification.
 *
 * @param isOfIntegers whether they are integers as such, not those of floats
 */
internal class AdaptiveModel(isOfIntegers: Boolean) {
    /** Whether values are zero, for each zone and how sure the sign is. */
    val zero = IntArray(ZONES * SURENESSES)

    /** Whether they have more bits, for each zone and how the sign agrees. */
    val longer = IntArray(ZONES * AGREEMENTS * LENGTHS)

    /** The bit below the first, for each zone and number of bits. */
    val top = IntArray(ZONES * LENGTHS)

    /** Whether signs are other than guessed, for each level of the guess. */
    val sign = IntArray(LEVELS) { BitDecoder.counter(32768, 4) }

    /** The scale that a group starts with, in units of its terms. */
    var base = 0
        private set

    /** Whether the group's first segment has begun. */
    var isStarted = false
        private set

    var weight = 0
    val taps = IntArray(TAPS)

    init {
        val fresh = if (isOfIntegers) FRESH else FRESH_OF_FLOATS
        for (zone in 0 until ZONES) {
            val mean = Scales.mean(2 * zone + 1)
            var t = 65536 * mean / (4096 + mean)
            zero.fill(BitDecoder.counter(t, fresh), zone * SURENESSES, (zone + 1) * SURENESSES)
            for (length in 0 until LENGTHS) {
                for (agreement in 0 until AGREEMENTS) {
                    longer[(zone * AGREEMENTS + agreement) * LENGTHS + length] = BitDecoder.counter(t, fresh)
                }
                top[zone * LENGTHS + length] = BitDecoder.counter(65536 * t / (65536 + t), fresh)
                t = t * t shr 16
            }
        }
    }

    /** Takes the scale that the first of the group's segments, [bytes], begins with. */
    fun start(bytes: SegmentPart) {
        if (isStarted) return
        val scale = bytes.next()
        if (scale > Scales.LAST) throw bytes.malformed("a stream begins with the scale $scale")
        base = (scale - Scales.ORIGIN) shl Scales.FRACTION_BITS
        isStarted = true
    }

    companion object {
        const val ZONES = 120
        const val SURENESSES = 3
        const val AGREEMENTS = 5
        const val LENGTHS = 30
        const val LEVELS = 5
        const val TAPS = 4

        /** How many bits a counter pretends to have seen. */
        private const val FRESH = 16
        private const val FRESH_OF_FLOATS = 4
    }
}

/** Scales: eighths of octaves of a magnitude; section 10.2 of the specification. */
internal object Scales {
    const val LAST = 239

    /** The scale of the magnitude that terms of 0 stand for. */
    const val ORIGIN = 80

    /** The bits of a term below those of a scale. */
    const val FRACTION_BITS = 13
    private val octave = longArrayOf(68438, 74632, 81386, 88752, 96785, 105545, 115098, 125515)

    /** For each scale, what a magnitude is multiplied by to be one of deviations. */
    val gains = LongArray(LAST + 1) { (1L shl 44) / (4096 + magnitude(it)) }

    /** For each scale, what a value is multiplied by to be one of predictions. */
    val ratios = LongArray(LAST + 1) { (1L shl 44) / (1024 + magnitude(it)) }

    /** For each scale, how much a value tells. */
    val worths = IntArray(LAST + 1) { (8192 * magnitude(it) / (4096 + magnitude(it))).toInt() }

    /** The mean magnitude at a [scale], in units of 1/4096. */
    fun mean(scale: Int): Long = (octave[scale and 7] shl (scale shr 3) + 2) shr 16

    private fun magnitude(scale: Int): Long = if (scale == 0) 0 else mean(scale)
}
