package io.frz.loading

/** Converts elements of type [io.frz.DType.F16] for runtimes that do not support 16-bit floats. */
public object FrzHalf {
    private const val INFINITE = 0x7C00 shl 13

    /** Returns the bits of the 32-bit float that equals the binary16 number with the bits [half]. */
    @JvmStatic
    public fun toFloatBits(half: Short): Int {
        val bits = half.toInt()
        val magnitude = bits and 0x7FFF shl 13
        // After the shift, the exponent is too small by 112; the multiplication corrects it, even for subnormal
        // numbers.
        val value = Float.fromBits(magnitude) * Float.fromBits(254 - 15 shl 23)
        val exact = if (magnitude < INFINITE) value.toRawBits() else magnitude or 0x7F800000
        return exact or (bits and 0x8000 shl 16)
    }
}
