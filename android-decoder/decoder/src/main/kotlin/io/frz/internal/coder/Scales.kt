package io.frz.internal.coder

/** Magnitudes on a logarithmic scale with eight steps per octave; see section 10.2 of the specification. */
internal object Scales {
    const val LAST = 239

    /** The scale of a value whose terms sum to 0. */
    const val ORIGIN = 80

    /** The number of fraction bits of terms; scales are integers. */
    const val FRACTION_BITS = 13
    private val octave = longArrayOf(68438, 74632, 81386, 88752, 96785, 105545, 115098, 125515)

    /** For each scale, the factor that converts magnitudes to deviations. */
    val gains = LongArray(LAST + 1) { (1L shl 44) / (4096 + magnitude(it)) }

    /** For each scale, the factor that normalizes values for prediction. */
    val ratios = LongArray(LAST + 1) { (1L shl 44) / (1024 + magnitude(it)) }

    /** For each scale, the weight of a value as evidence. */
    val worths = IntArray(LAST + 1) { (8192 * magnitude(it) / (4096 + magnitude(it))).toInt() }

    /** Returns the mean magnitude at a [scale], in units of 1/4096. */
    fun mean(scale: Int): Long = (octave[scale and 7] shl (scale shr 3) + 2) shr 16

    private fun magnitude(scale: Int): Long = if (scale == 0) 0 else mean(scale)
}
