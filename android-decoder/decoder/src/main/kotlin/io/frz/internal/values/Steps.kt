package io.frz.internal.values

import io.frz.internal.Limits

/** Returns the quantization step of [code], with 16 codes per octave; see section 6.1 of the specification. */
internal fun stepSize(code: Int): Double = Math.scalb((16 + (code and 15)).toDouble(), (code shr 4) - 4)

/** A table of all quantization steps. */
internal object Steps {
    private const val FIRST = Limits.STEP_MIN.toInt()
    private val sizes = DoubleArray(Limits.STEP_MAX.toInt() - FIRST + 1) { stepSize(FIRST + it) }

    /** Returns the quantization step of [code], or NaN if the code is out of range. */
    fun size(code: Long): Double =
        if (code in Limits.STEP_MIN..Limits.STEP_MAX) sizes[code.toInt() - FIRST] else Double.NaN
}
