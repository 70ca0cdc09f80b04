package io.frz.pytorch.internal

import io.frz.DType
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.pow
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests the widening of 16-bit elements to 32 bits. */
class ElementsTest {
    private val all = ShortArray(1 shl 16) { it.toShort() }

    /** Returns the 32-bit patterns to which all 16-bit patterns of [dtype] are widened. */
    private fun widened(dtype: DType): IntArray {
        val memory = ByteBuffer.allocateDirect(4 * all.size).order(ByteOrder.LITTLE_ENDIAN)
        memory.position(2 * all.size)
        memory.slice().order(ByteOrder.LITTLE_ENDIAN).asShortBuffer().put(all)
        memory.clear()
        Elements.widen(dtype, memory)
        return IntArray(all.size).also { memory.asIntBuffer().get(it) }
    }

    /** Returns the IEEE 754 value of [bits]: a sign bit, [exponentBits] exponent bits and the mantissa. */
    private fun value(bits: Int, exponentBits: Int): Float {
        val mantissaBits = 15 - exponentBits
        val exponent = bits shr mantissaBits and (1 shl exponentBits) - 1
        val mantissa = bits and (1 shl mantissaBits) - 1
        val bias = (1 shl exponentBits - 1) - 1
        val fraction = mantissa / 2.0.pow(mantissaBits)
        val magnitude = when (exponent) {
            (1 shl exponentBits) - 1 -> if (mantissa == 0) Double.POSITIVE_INFINITY else Double.NaN
            0 -> fraction * 2.0.pow(1 - bias)
            else -> (1 + fraction) * 2.0.pow(exponent - bias)
        }
        return (if (bits < 1 shl 15) magnitude else -magnitude).toFloat()
    }

    @Test
    fun `all binary16 numbers keep their value`() {
        val floats = widened(DType.F16)
        for (i in all.indices) assertEquals(value(i, 5), Float.fromBits(floats[i]), "$i")
    }

    @Test
    fun `all bfloat16 numbers keep their value`() {
        val floats = widened(DType.BF16)
        for (i in all.indices) assertEquals(value(i, 8), Float.fromBits(floats[i]), "$i")
    }

    @Test
    fun `all short integers keep their value`() {
        val integers = widened(DType.I16)
        for (i in all.indices) assertEquals(all[i].toInt(), integers[i])
    }

    @Test
    fun `widening leaves no garbage`() {
        val threads = ManagementFactory.getThreadMXBean() as com.sun.management.ThreadMXBean
        fun allocated() = threads.getThreadAllocatedBytes(Thread.currentThread().id)
        val memory = ByteBuffer.allocateDirect(4 * 100_000)
        for (dtype in listOf(DType.I16, DType.F16, DType.BF16)) {
            Elements.widen(dtype, memory)
            val before = allocated()
            Elements.widen(dtype, memory)
            val garbage = allocated() - before
            assertTrue(garbage < 10_000, "$dtype: $garbage bytes for 100,000 elements")
        }
    }
}
