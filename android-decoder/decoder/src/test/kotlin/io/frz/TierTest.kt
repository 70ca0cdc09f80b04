package io.frz

import io.frz.FrzBuilder.Companion.DCT
import io.frz.FrzBuilder.Companion.floats
import io.frz.internal.container.DirectoryField.TIERS
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.SHAPES
import java.io.ByteArrayInputStream
import java.io.InputStream
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class TierTest {
    /** A group of two tensors with four tiers, the third of which adds nothing, and a plain group. */
    private val bytes = FrzBuilder()
        .group(
            mapOf(
                DTYPE to 11,
                NAMES to listOf(0, "a", 0, "b"),
                SHAPES to listOf(listOf(4), listOf(2, 3)),
                BASES to DCT,
                KEPT to listOf(listOf(1, 2), listOf(3, 2), listOf(3, 2), listOf(4, 6)),
                CODER to 0
            ),
            floats(1f, 10f, 11f),
            floats(2f, 3f),
            null,
            floats(4f, 12f, 13f, 14f, 15f)
        )
        .plain("r", DType.U8, listOf(2), byteArrayOf(7, 8))
        .with(TIERS, 4)
        .build()

    private val ends = listOf(bytes.size - 36, bytes.size - 24, bytes.size - 24, bytes.size)

    private fun at(tier: Int) = FrzOptions.builder().tier(tier).build()

    @Test
    fun `each tier extends the one before`() {
        val expected = listOf(listOf(1f), listOf(1f, 2f, 3f), listOf(1f, 2f, 3f), listOf(1f, 2f, 3f, 4f))
        for (tier in 0..3) {
            val file = FrzFile.open(bytes, at(tier))
            assertEquals(tier, file.tier)
            assertEquals(4, file.tiersPresent)
            assertEquals(listOf(1, 3, 3, 4), file.tensor("a").keptByTier)
            assertEquals(expected[tier].size, file.tensor("a").kept)
            assertEquals(expected[tier], file.core("a").floats().toList())
            assertEquals(listOf(7, 8), file.load("r").buffer.let { listOf(it.get(0).toInt(), it.get(1).toInt()) })
        }
        val whole = FrzFile.open(bytes)
        assertEquals(3, whole.tier)
        assertArrayEquals(floatArrayOf(10f, 11f, 12f, 13f, 14f, 15f), whole.core("b").floats())
    }

    @Test
    fun `a file cut after a tier is a smaller model`() {
        for (size in 0 until bytes.size) {
            val present = ends.lastIndexOf(size) + 1
            if (present == 0) {
                refused(ErrorCode.TRUNCATED) { FrzFile.open(bytes.copyOf(size)) }
                continue
            }
            val file = FrzFile.open(bytes.copyOf(size))
            assertEquals(present, file.tiersPresent)
            assertEquals(present - 1, file.tier)
            file.verify()
            refused(ErrorCode.TIER) { FrzFile.open(bytes.copyOf(size), at(present)) }
        }
        refused(ErrorCode.TIER) { FrzFile.open(bytes, at(4)) }
        refused(ErrorCode.TRAILING) { FrzFile.open(bytes + 1, at(0)) }
    }

    @Test
    fun `a stream is read no further than the tier needs`() {
        var read = 0
        val counting = object : InputStream() {
            override fun read(): Int = error("the stream is read byte by byte")

            override fun read(b: ByteArray, off: Int, len: Int): Int {
                val count = minOf(len, bytes.size - read, 5)
                System.arraycopy(bytes, read, b, off, count)
                read += count
                return if (count == 0) -1 else count
            }
        }
        val file = FrzFile.open(counting, at(1))
        assertEquals(ends[1], read)
        assertEquals(listOf(1f, 2f, 3f), file.core("a").floats().toList())
        assertEquals(3, file.tiersPresent)
        assertEquals(4, FrzFile.open(ByteArrayInputStream(bytes)).tiersPresent)
        refused(ErrorCode.TRAILING) { FrzFile.open(ByteArrayInputStream(bytes + 0)) }
        refused(ErrorCode.TRUNCATED) { FrzFile.open(ByteArrayInputStream(bytes.copyOf(bytes.size - 1))) }
        refused(ErrorCode.TIER) { FrzFile.open(ByteArrayInputStream(bytes.copyOf(ends[0])), at(1)) }
    }
}
