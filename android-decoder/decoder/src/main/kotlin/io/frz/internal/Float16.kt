package io.frz.internal

private const val DOUBLE_MANTISSA_BITS = 52
private const val DOUBLE_MANTISSA = (1L shl DOUBLE_MANTISSA_BITS) - 1
private const val DOUBLE_BIAS = 1023
private const val FLOAT_BIAS = 127
private const val FLOAT_MANTISSA_BITS = 23
private const val FLOAT_INFINITY = 0xFF shl FLOAT_MANTISSA_BITS

/** A 16-bit floating-point format with [mantissaBits] bits of mantissa. */
internal enum class Float16(private val mantissaBits: Int) {
    F16(10),
    BF16(7)
    ;

    private val exponentBits = 15 - mantissaBits
    private val bias = (1 shl (exponentBits - 1)) - 1
    private val infinity = ((1 shl exponentBits) - 1) shl mantissaBits
    private val scale = Math.scalb(1f, FLOAT_BIAS - bias)

    /** Returns the bits of the number nearest to [value], rounding ties to even. */
    fun round(value: Double): Short {
        val bits = java.lang.Double.doubleToRawLongBits(value)
        val sign = (bits ushr 48).toInt() and 0x8000
        val exponent = (bits ushr 52).toInt() and 0x7FF
        if (exponent == 0x7FF) {
            val isNan = bits and DOUBLE_MANTISSA != 0L
            return (sign or infinity or (if (isNan) 1 shl (mantissaBits - 1) else 0)).toShort()
        }
        // For subnormal numbers, the exponent is constant and the mantissa has fewer bits.
        val target = exponent - DOUBLE_BIAS + bias
        val lost = DOUBLE_MANTISSA_BITS - mantissaBits + maxOf(0, 1 - target)
        if (lost > DOUBLE_MANTISSA_BITS + 1) return sign.toShort()
        val mantissa = (bits and DOUBLE_MANTISSA) or (1L shl DOUBLE_MANTISSA_BITS)
        val half = (1L shl (lost - 1)) - 1 + (mantissa ushr lost and 1)
        val rounded = ((mantissa + half) ushr lost).toInt() + (maxOf(0, target - 1) shl mantissaBits)
        return (sign or minOf(rounded, infinity)).toShort()
    }

    /** Returns the exact number that [bits] represent. */
    fun value(bits: Int): Float {
        val sign = bits and 0x8000 shl 16
        val magnitude = bits and 0x7FFF shl (FLOAT_MANTISSA_BITS - mantissaBits)
        if (bits and infinity == infinity) return java.lang.Float.intBitsToFloat(sign or FLOAT_INFINITY or magnitude)
        // After the shift, the exponent is too small; the multiplication corrects it, even for subnormal numbers.
        val value = java.lang.Float.intBitsToFloat(magnitude) * scale
        return java.lang.Float.intBitsToFloat(sign or java.lang.Float.floatToRawIntBits(value))
    }

    /** Converts [count] of [bits], starting at [from], to numbers in [out], starting at [to]. */
    fun values(bits: IntArray, from: Int, count: Int, out: FloatArray, to: Int) {
        for (k in 0 until count) out[to + k] = value(bits[from + k])
    }
}
