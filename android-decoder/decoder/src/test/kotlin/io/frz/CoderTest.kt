package io.frz

import com.github.luben.zstd.Zstd
import com.github.luben.zstd.ZstdOutputStream
import io.frz.FrzBuilder.Companion.deflate
import io.frz.FrzBuilder.Companion.floats
import io.frz.FrzBuilder.Companion.shorts
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.FORMAT
import io.frz.internal.container.GroupField.STEPS
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.util.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class CoderTest {
    private val random = Random(7)
    private val data = ByteArray(300_000) { (random.nextGaussian() * 5).toInt().toByte() }

    private fun plain(
        coder: Coder,
        stored: ByteArray,
        count: Int = data.size,
        dtype: DType = DType.U8,
        shape: List<Int> = listOf(count)
    ): ByteArray {
        val steps = if (coder >= Coder.ADAPTIVE) arrayOf(STEPS to listOf(0)) else emptyArray()
        return FrzBuilder().plain("w", dtype, shape, stored, CODER to coder.id, *steps).build()
    }

    private fun load(file: ByteArray): ByteArray {
        val direct = FrzFile.open(file).load("w").buffer
        val heap = ByteBuffer.allocate(direct.remaining())
        FrzFile.open(file).loadInto("w", heap)
        val bytes = ByteArray(direct.remaining()).also { direct.get(it) }
        assertArrayEquals(bytes, heap.array())
        return bytes
    }

    @Test
    fun `byte streams return what was stored`() {
        assertArrayEquals(data, load(plain(Coder.NONE, data)))
        assertArrayEquals(data, load(plain(Coder.DEFLATE, deflate(data))))
        assertArrayEquals(data, load(plain(Coder.ZSTD, Zstd.compress(data))))
    }

    @Test
    fun `deflate streams must have the correct length`() {
        val stored = deflate(data)
        val damaged = listOf(
            plain(Coder.DEFLATE, stored, data.size - 1),
            plain(Coder.DEFLATE, stored, data.size + 1),
            plain(Coder.DEFLATE, stored + 0),
            plain(Coder.DEFLATE, stored.copyOf(stored.size - 1)),
            plain(Coder.DEFLATE, data),
            plain(Coder.DEFLATE, byteArrayOf(3))
        )
        for (file in damaged) {
            refused(ErrorCode.STREAM) { FrzFile.open(file).load("w") }
            refused(ErrorCode.STREAM) { FrzFile.open(file).verify() }
        }
    }

    @Test
    fun `zstd streams must be one frame of the right length and window, without a dictionary`() {
        val stored = Zstd.compress(data)
        val streamed = ByteArrayOutputStream().also { out ->
            ZstdOutputStream(out).use { it.setLong(20).write(data) }
        }.toByteArray()
        assertArrayEquals(data, load(plain(Coder.ZSTD, streamed)))
        val wide = ByteArrayOutputStream().also { out ->
            ZstdOutputStream(out).use { it.setLong(24).write(data) }
        }.toByteArray()
        val dictionary = stored.clone().also { it[4] = (it[4].toInt() or 1).toByte() }
        val damaged = listOf(
            plain(Coder.ZSTD, stored, data.size - 1),
            plain(Coder.ZSTD, stored, data.size + 1),
            plain(Coder.ZSTD, streamed, data.size - 1),
            plain(Coder.ZSTD, streamed, data.size + 1),
            plain(Coder.ZSTD, stored + 0),
            plain(Coder.ZSTD, stored + stored),
            plain(Coder.ZSTD, stored.copyOf(stored.size - 1)),
            plain(Coder.ZSTD, stored.copyOf(5)),
            plain(Coder.ZSTD, stored.copyOf(7)),
            plain(Coder.ZSTD, stored.clone().also { it[20] = (it[20] + 1).toByte() }),
            plain(Coder.ZSTD, data),
            plain(Coder.ZSTD, wide),
            plain(Coder.ZSTD, dictionary)
        )
        for (file in damaged) {
            refused(ErrorCode.STREAM) { FrzFile.open(file).load("w") }
            refused(ErrorCode.STREAM) { FrzFile.open(file).verify() }
        }
    }

    @Test
    fun `numbers must be finite, and bools must be 0 or 1`() {
        for (bad in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            val file = FrzBuilder().spectrum("w", listOf(2), floatArrayOf(1f, bad)).build()
            val thrown = refused(ErrorCode.VALUE) { FrzFile.open(file).load("w") }
            assertEquals("w", thrown.tensor)
            refused(ErrorCode.VALUE) { FrzFile.open(file).verify() }
        }
        assertEquals(2, load(FrzBuilder().plain("w", DType.BOOL, listOf(2), byteArrayOf(0, 1)).build()).size)
        val notBool = FrzBuilder().plain("w", DType.BOOL, listOf(2), byteArrayOf(0, 2)).build()
        refused(ErrorCode.VALUE) { FrzFile.open(notBool).load("w") }
        refused(ErrorCode.VALUE) { FrzFile.open(notBool).verify() }
    }

    @Test
    fun `all number formats are decoded`() {
        fun core(format: DType, stored: ByteArray): List<Float> {
            val count = stored.size / format.bytes
            val file = FrzBuilder().plain("w", DType.F64, listOf(count), stored, FORMAT to format.id).build()
            val elements = FrzFile.open(file).load("w").buffer.asDoubleBuffer()
            return FrzFile.open(file).core("w").floats().toList().onEach { assertEquals(it.toDouble(), elements.get()) }
        }
        assertEquals(listOf(1.5f, -0f), core(DType.F32, floats(1.5f, -0f)))
        assertEquals(listOf(1.5f, -65504f, 5.9604645e-8f), core(DType.F16, shorts(0x3E00, 0xFBFF, 1)))
        assertEquals(listOf(1.5f, -9.18355e-41f), core(DType.BF16, shorts(0x3FC0, 0x8001)))
    }

    /** Returns 2 · 2²⁰ zeros, encoded with the coder `static` in a single class. */
    private fun zeros(): ByteArray {
        val lanes = 1 shl 7
        val head = byteArrayOf(14, 0, 0, 1, 1, 3, 0xAF.toByte(), 0x99.toByte(), 0xE0.toByte())
        val counts = ByteArray(2 * lanes) { (1 - it % 2).toByte() }
        return head + counts + ByteArray(4 * lanes) { if (it % 4 == 0) 1 else 0 }
    }

    @Test
    fun `the working memory of integer coders counts against the budget`() {
        for ((coder, stored) in listOf(Coder.STATIC to zeros(), Coder.ADAPTIVE to ByteArray(40))) {
            val bytes = plain(coder, stored, 2 shl 20, DType.F32, listOf(2, 1 shl 20))
            val size = 4L * (2 shl 20)
            fun open(bytesMore: Long) = FrzFile.open(bytes, FrzOptions.builder().memoryBudget(size + bytesMore).build())
            val thrown = refused(ErrorCode.BUDGET) { open(1L shl 20).load("w") }
            assertEquals("w", thrown.tensor)
            refused(ErrorCode.BUDGET) { open(-size + (1L shl 20)).verify() }
            open(20L shl 20).verify()
        }
        val zeros = load(plain(Coder.STATIC, zeros(), 2 shl 20, DType.F32, listOf(2, 1 shl 20)))
        assertArrayEquals(ByteArray(8 shl 20), zeros)
    }
}
