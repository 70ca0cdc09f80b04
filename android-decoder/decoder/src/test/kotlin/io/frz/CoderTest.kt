package io.frz

import com.github.luben.zstd.Zstd
import com.github.luben.zstd.ZstdOutputStream
import io.frz.FrzBuilder.Companion.CODER
import io.frz.FrzBuilder.Companion.FORMAT
import io.frz.FrzBuilder.Companion.deflate
import io.frz.FrzBuilder.Companion.floats
import io.frz.FrzBuilder.Companion.shorts
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.util.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class CoderTest {
    private val random = Random(7)
    private val data = ByteArray(300_000) { (random.nextGaussian() * 5).toInt().toByte() }

    private fun plain(coder: Coder, stored: ByteArray, count: Int = data.size, dtype: DType = DType.U8) = FrzBuilder()
        .plain("w", dtype, listOf(count), stored, CODER to coder.id).build()

    private fun load(file: ByteArray): ByteArray {
        val direct = FrzFile.open(file).load("w").buffer
        val heap = ByteBuffer.allocate(direct.remaining())
        FrzFile.open(file).loadInto("w", heap)
        val bytes = ByteArray(direct.remaining()).also { direct.get(it) }
        assertArrayEquals(bytes, heap.array())
        return bytes
    }

    @Test
    fun `byte streams give what was stored`() {
        assertArrayEquals(data, load(plain(Coder.NONE, data)))
        assertArrayEquals(data, load(plain(Coder.DEFLATE, deflate(data))))
        assertArrayEquals(data, load(plain(Coder.ZSTD, Zstd.compress(data))))
    }

    @Test
    fun `deflate streams are of the right length`() {
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
    fun `zstd streams are one frame of the right length, window and no dictionary`() {
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
    fun `numbers are finite and bools have values of their kind`() {
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
    fun `all formats give their numbers`() {
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
}
