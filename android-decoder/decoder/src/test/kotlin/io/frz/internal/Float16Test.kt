package io.frz.internal

import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class Float16Test {
    @Test
    fun `all numbers survive the round trip`() {
        for (format in Float16.values()) {
            for (bits in 0..0xFFFF) {
                val value = format.value(bits)
                if (value.isNaN()) {
                    assertEquals(true, format.value(format.round(Double.NaN).toInt()).isNaN())
                } else {
                    assertEquals(bits.toShort(), format.round(value.toDouble()), "$format $bits")
                }
            }
        }
    }

    @Test
    fun `numbers are rounded to nearest, ties to even`() {
        val random = Random(5)
        for (format in Float16.values()) {
            val infinity = format.round(Double.POSITIVE_INFINITY).toInt()
            for (bits in 0 until infinity - 1) {
                val low = format.value(bits).toDouble()
                val high = format.value(bits + 1).toDouble()
                val even = if (bits % 2 == 0) bits else bits + 1
                val middle = (low + high) / 2
                assertEquals(even.toShort(), format.round(middle))
                assertEquals(bits.toShort(), format.round(Math.nextDown(middle)))
                assertEquals((bits + 1).toShort(), format.round(Math.nextUp(middle)))
                val between = low + random.nextDouble() * (high - low)
                assertEquals((if (between < middle) bits else bits + 1).toShort(), format.round(between))
            }
        }
    }

    @Test
    fun `numbers that are too large become infinite`() {
        assertEquals(0x7BFF, Float16.F16.round(Math.nextDown(65520.0)).toInt())
        assertEquals(0x7C00, Float16.F16.round(65520.0).toInt())
        assertEquals(0x7C00, Float16.F16.round(1e300).toInt())
        assertEquals(0xFC00.toShort(), Float16.F16.round(-1e300))
        assertEquals(0x7F80, Float16.BF16.round(1e39).toInt())
        assertEquals(0, Float16.F16.round(Double.MIN_VALUE).toInt())
        assertEquals(0x8000.toShort(), Float16.BF16.round(-1e-300))
    }
}
