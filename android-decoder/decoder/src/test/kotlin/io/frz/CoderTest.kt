package io.frz

import com.github.luben.zstd.Zstd
import com.github.luben.zstd.ZstdOutputStream
import io.frz.FrzBuilder.Companion.deflate
import io.frz.FrzBuilder.Companion.floats
import io.frz.FrzBuilder.Companion.ints
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

    private fun raw(coder: Coder, stored: ByteArray, count: Int = data.size, dtype: DType = DType.U8) = FrzBuilder()
        .raw("w", dtype, listOf(count), stored, 4 to coder.id).build()

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
        assertArrayEquals(data, load(raw(Coder.NONE, data)))
        assertArrayEquals(data, load(raw(Coder.DEFLATE, deflate(data))))
        assertArrayEquals(data, load(raw(Coder.ZSTD, Zstd.compress(data))))
    }

    @Test
    fun `deflate streams are of the right length`() {
        val stored = deflate(data)
        val damaged = listOf(
            raw(Coder.DEFLATE, stored, data.size - 1),
            raw(Coder.DEFLATE, stored, data.size + 1),
            raw(Coder.DEFLATE, stored + 0),
            raw(Coder.DEFLATE, stored.copyOf(stored.size - 1)),
            raw(Coder.DEFLATE, data),
            raw(Coder.DEFLATE, byteArrayOf(3))
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
        assertArrayEquals(data, load(raw(Coder.ZSTD, streamed)))
        val wide = ByteArrayOutputStream().also { out ->
            ZstdOutputStream(out).use { it.setLong(24).write(data) }
        }.toByteArray()
        val dictionary = stored.clone().also { it[4] = (it[4].toInt() or 1).toByte() }
        val damaged = listOf(
            raw(Coder.ZSTD, stored, data.size - 1),
            raw(Coder.ZSTD, stored, data.size + 1),
            raw(Coder.ZSTD, streamed, data.size - 1),
            raw(Coder.ZSTD, streamed, data.size + 1),
            raw(Coder.ZSTD, stored + 0),
            raw(Coder.ZSTD, stored + stored),
            raw(Coder.ZSTD, stored.copyOf(stored.size - 1)),
            raw(Coder.ZSTD, stored.copyOf(5)),
            raw(Coder.ZSTD, stored.copyOf(7)),
            raw(Coder.ZSTD, stored.clone().also { it[20] = (it[20] + 1).toByte() }),
            raw(Coder.ZSTD, data),
            raw(Coder.ZSTD, wide),
            raw(Coder.ZSTD, dictionary)
        )
        for (file in damaged) {
            refused(ErrorCode.STREAM) { FrzFile.open(file).load("w") }
            refused(ErrorCode.STREAM) { FrzFile.open(file).verify() }
        }
    }

    @Test
    fun `range coders give back all numbers of every format`() {
        for (format in NumberFormat.values()) {
            for (coder in listOf(Coder.RANGE, Coder.RANGE_CONTEXT)) {
                for (kind in 0..2) {
                    val values = IntArray(3000) { number(format, kind) }
                    val stored = RangeEncoder.encode(format, coder == Coder.RANGE_CONTEXT, listOf(listOf(values)))
                    val file = raw(coder, stored.single(), values.size, DType.valueOf(format.name))
                    assertArrayEquals(bytes(format, values), load(file), "$format $coder $kind")
                }
            }
        }
    }

    private fun number(format: NumberFormat, kind: Int): Int {
        val bits = 8 * format.bytes
        val any = random.nextInt()
        return when {
            format.isInteger && kind == 0 -> (random.nextGaussian() * 9).toInt()
            format.isInteger && kind == 1 -> any shr (32 - bits)
            kind < 2 -> any ushr (32 - bits)
            else -> 0
        }
    }

    private fun bytes(format: NumberFormat, values: IntArray): ByteArray = when (format.bytes) {
        1 -> ByteArray(values.size) { values[it].toByte() }
        2 -> shorts(*values)
        else -> ints(*values)
    }

    @Test
    fun `contexts are carried from tier to tier and start anew with each tensor`() {
        val tensors = listOf(IntArray(40) { it - 20 }, IntArray(60) { random.nextInt(200) - 100 })
        val kept = listOf(listOf(10, 0), listOf(30, 25), listOf(40, 60))
        val parts = kept.indices.map { tier ->
            tensors.indices.map { i -> tensors[i].copyOfRange(if (tier == 0) 0 else kept[tier - 1][i], kept[tier][i]) }
        }
        for (coder in listOf(Coder.RANGE, Coder.RANGE_CONTEXT)) {
            val segments = RangeEncoder.encode(NumberFormat.I16, coder == Coder.RANGE_CONTEXT, parts)
            val file = FrzBuilder().group(
                mapOf(
                    0 to 1,
                    1 to 11,
                    2 to listOf(0, "a", 0, "b"),
                    3 to listOf(listOf(40), listOf(6, 10)),
                    4 to coder.id,
                    6 to NumberFormat.I16.id,
                    7 to kept,
                    8 to listOf(0, -16)
                ),
                *segments.toTypedArray()
            ).with(4, 3).build()
            val frz = FrzFile.open(file)
            assertArrayEquals(FloatArray(40) { tensors[0][it].toFloat() }, frz.coefficients("a"))
            assertArrayEquals(FloatArray(60) { tensors[1][it] / 2f }, frz.coefficients("b"))
        }
    }

    @Test
    fun `range-coded streams end where their segment does`() {
        val values = IntArray(100) { random.nextInt(200) - 100 }
        val stored = RangeEncoder.encode(NumberFormat.I16, false, listOf(listOf(values))).single()
        fun file(stored: ByteArray) = raw(Coder.RANGE, stored, 100, DType.I16)
        assertArrayEquals(shorts(*values), load(file(stored)))
        refused(ErrorCode.STREAM) { FrzFile.open(file(stored + ByteArray(8))).load("w") }
        refused(ErrorCode.STREAM) { FrzFile.open(file(ByteArray(8) { -1 })).load("w") }
    }

    @Test
    fun `a stream without bytes is all ones`() {
        // The decoder's code is 0, below every bound: each context bit is 1 and each direct bit 0.
        val file = FrzBuilder().group(
            mapOf(0 to 0, 1 to DType.BF16.id, 2 to listOf(0, "w"), 3 to listOf(listOf(2)), 4 to 3),
            ByteArray(0)
        ).build()
        assertArrayEquals(shorts(0x7FC0, 0x7FC0), load(file))
    }

    @Test
    fun `a range-coded number fits its format`() {
        val class15 = FrzBuilder().group(
            mapOf(0 to 0, 1 to DType.I8.id, 2 to listOf(0, "w"), 3 to listOf(listOf(1)), 4 to 3),
            ByteArray(0)
        ).build()
        refused(ErrorCode.STREAM) { FrzFile.open(class15).load("w") }
    }

    @Test
    fun `coefficients and bools have values of their kind`() {
        for (bad in listOf(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            val file = FrzBuilder().dct("w", listOf(2), floatArrayOf(1f, bad)).build()
            val thrown = refused(ErrorCode.VALUE) { FrzFile.open(file).load("w") }
            assertEquals("w", thrown.tensor)
            refused(ErrorCode.VALUE) { FrzFile.open(file).verify() }
        }
        val overflow = FrzBuilder().group(
            mapOf(
                0 to 1,
                1 to 11,
                2 to listOf(0, "w"),
                3 to listOf(listOf(2)),
                4 to 0,
                6 to 5,
                7 to listOf(listOf(1)),
                8 to listOf(2031)
            ),
            ints(Int.MIN_VALUE)
        )
        refused(ErrorCode.VALUE) { FrzFile.open(overflow.build()).verify() }
        assertEquals(2, load(FrzBuilder().raw("w", DType.BOOL, listOf(2), byteArrayOf(0, 1)).build()).size)
        val notBool = FrzBuilder().raw("w", DType.BOOL, listOf(2), byteArrayOf(0, 2)).build()
        refused(ErrorCode.VALUE) { FrzFile.open(notBool).load("w") }
        refused(ErrorCode.VALUE) { FrzFile.open(notBool).verify() }
    }

    @Test
    fun `all formats give their coefficients`() {
        fun coefficients(
            format: NumberFormat,
            stored: ByteArray,
            count: Int,
            vararg extra: Pair<Int, Any?>
        ): List<Float> {
            val fields = mapOf(0 to 1, 1 to 11, 2 to listOf(0, "w"), 3 to listOf(listOf(8)), 4 to 0)
            val dct = mapOf(6 to format.id, 7 to listOf(listOf(count))) + extra
            return FrzFile.open(FrzBuilder().group(fields + dct, stored).build()).coefficients("w").toList()
        }
        assertEquals(listOf(1.5f, -0f), coefficients(NumberFormat.F32, floats(1.5f, -0f), 2))
        assertEquals(listOf(1.5f, -65504f, 5.9604645e-8f), coefficients(NumberFormat.F16, shorts(0x3E00, 0xFBFF, 1), 3))
        assertEquals(listOf(1.5f, -9.18355e-41f), coefficients(NumberFormat.BF16, shorts(0x3FC0, 0x8001), 2))
        assertEquals(listOf(-192f, 1.5f), coefficients(NumberFormat.I8, byteArrayOf(-128, 1), 2, 8 to listOf(8)))
        assertEquals(listOf(-4096f, 0.125f), coefficients(NumberFormat.I16, shorts(-32768, 1), 2, 8 to listOf(-48)))
        assertEquals(listOf(-2147483648f), coefficients(NumberFormat.I32, ints(Int.MIN_VALUE), 1, 8 to listOf(0)))
    }
}
