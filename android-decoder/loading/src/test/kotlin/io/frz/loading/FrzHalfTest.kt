package io.frz.loading

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class FrzHalfTest {
    @Test
    fun `every binary16 number is converted exactly`() {
        for (bits in 0..0xFFFF) {
            val sign = if (bits shr 15 == 0) 1.0 else -1.0
            val exponent = bits shr 10 and 31
            val fraction = bits and 1023
            val found = Float.fromBits(FrzHalf.toFloatBits(bits.toShort()))
            when {
                exponent == 31 && fraction != 0 -> assertEquals(true, found.isNaN())

                exponent == 31 -> assertEquals(sign * Double.POSITIVE_INFINITY, found.toDouble())

                else -> {
                    val significand = if (exponent == 0) fraction / 1024.0 else 1 + fraction / 1024.0
                    assertEquals(sign * Math.scalb(significand, maxOf(exponent, 1) - 15), found.toDouble())
                }
            }
        }
    }
}
