package io.frz.onnxruntime.internal

import io.frz.DType
import io.frz.loading.FrzLoadException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests the conversion of elements from one type to another. */
class ConversionTest {
    private val real = listOf(DType.F16, DType.BF16, DType.F32, DType.F64)
    private val whole = listOf(DType.BOOL, DType.U8, DType.I8, DType.I16, DType.I32, DType.I64)

    /** Returns 0, 1 and 1, which every type can represent, as elements of [dtype]. */
    private fun elements(dtype: DType): ByteBuffer {
        val f64 = memory(DType.F64).apply { listOf(0.0, 1.0, 1.0).forEach(::putDouble) }
        val i64 = memory(DType.I64).apply { listOf(0L, 1L, 1L).forEach(::putLong) }
        val (source, from) = if (dtype in real) DType.F64 to f64 else DType.I64 to i64
        from.rewind()
        return memory(dtype).also { Conversion("w", source, dtype).copy(from, it) }.apply { rewind() }
    }

    private fun memory(dtype: DType) = ByteBuffer.allocate(3 * dtype.bytes).order(ByteOrder.LITTLE_ENDIAN)

    @Test
    fun `numbers keep their values in every type`() {
        for (types in listOf(real, whole)) {
            for (source in types) {
                for (target in types) {
                    val from = elements(source)
                    val to = memory(target)
                    val conversion = Conversion("w", source, target)
                    conversion.copy(from, to)
                    to.rewind()
                    assertEquals(elements(target), to, "${source.label} to ${target.label}")
                    assertEquals(0, from.position())
                    assertTrue(conversion.isSame(from, to))
                    to.put(0, 7)
                    assertFalse(conversion.isSame(from, to))
                }
            }
        }
    }

    @Test
    fun `integers that do not fit are refused`() {
        for (target in whole.dropLast(1)) {
            for (value in listOf(Long.MIN_VALUE, Long.MAX_VALUE)) {
                val from = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, value)
                val thrown = assertThrows(FrzLoadException::class.java) {
                    Conversion("w", DType.I64, target).copy(from, memory(target))
                }
                assertEquals(FrzLoadException.Kind.MISMATCH, thrown.kind)
                assertTrue("w has integers that do not fit into ${target.label}" in thrown.message!!, thrown.message)
            }
        }
    }

    private fun converted(value: Double, target: DType): ByteBuffer {
        val from = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(0, value)
        val to = ByteBuffer.allocate(target.bytes).order(ByteOrder.LITTLE_ENDIAN)
        Conversion("w", DType.F64, target).copy(from, to)
        return to
    }

    @Test
    fun `floats that do not fit are refused`() {
        // The middle between the largest number and the next power of two.
        val least = mapOf(
            DType.F16 to Math.scalb(2048 - 0.5, 5),
            DType.BF16 to Math.scalb(256 - 0.5, 120),
            DType.F32 to Math.scalb((1 shl 24) - 0.5, 104)
        )
        for ((target, value) in least) {
            for (sign in listOf(1.0, -1.0)) {
                for (large in listOf(value, 1e300)) {
                    val thrown = assertThrows(FrzLoadException::class.java) { converted(sign * large, target) }
                    assertEquals(FrzLoadException.Kind.MISMATCH, thrown.kind)
                    assertTrue(
                        "w has elements that do not fit into ${target.label}" in thrown.message!!,
                        thrown.message
                    )
                }
                converted(sign * Math.nextDown(value), target)
                converted(sign * Double.POSITIVE_INFINITY, target)
            }
            converted(Double.NaN, target)
        }
    }

    @Test
    fun `floats are rounded once`() {
        // Just above and below the middle between two 16-bit floats; the nearest 32-bit float is the middle itself.
        val tiny = 1.0 / (1L shl 40)
        for ((target, ulp) in listOf(DType.F16 to 1.0 / 1024, DType.BF16 to 1.0 / 128)) {
            val (one, up) = if (target == DType.F16) 0x3C00 to 0x3C01 else 0x3F80 to 0x3F81
            val expected = mapOf(1.0 to one, 1.0 + ulp / 2 - tiny to one, 1.0 + ulp / 2 + tiny to up, 1.0 + ulp to up)
            for ((value, bits) in expected) {
                assertEquals(bits, converted(value, target).getShort(0).toInt(), "$value as ${target.label}")
                assertEquals(bits or 0x8000, converted(-value, target).getShort(0).toInt() and 0xFFFF)
            }
        }
    }
}
