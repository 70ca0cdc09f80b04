package io.frz

import io.frz.FrzBuilder.Companion.floats
import java.nio.ByteBuffer
import java.time.Duration
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTimeout
import org.junit.jupiter.api.Test

/** Raw tensors that each tier has for itself: section 4.1 of the specification. */
class RowsTest {
    private val large = 40_000

    /** Three tiers: `m` and `w` with rows in one group, `n` with larger ones in a group of its own, and an alias. */
    private val bytes = FrzBuilder()
        .group(
            mapOf(
                0 to 0,
                1 to 11,
                2 to listOf(0, "m", 1, "@tiers", 0, "w@tiers", 0, "w", 0, "x"),
                3 to listOf(listOf(2), listOf(2, 2), listOf(2), listOf<Int>(), listOf(1)),
                4 to 0
            ),
            floats(5f, 6f, 1f, 2f, 3f, 4f, 7f, 8f, 9f, 10f)
        )
        .raw("n@tiers", DType.U8, listOf(2, large), ByteArray(2 * large) { (if (it < large) 1 else 2).toByte() })
        .raw("n", DType.U8, listOf(large), ByteArray(large) { 3 })
        .with(4, 3)
        .with(2, listOf(listOf("a", "m"), listOf("b", "m@tiers")))
        .build()

    private fun at(tier: Int, budget: Long = 1 shl 30) =
        FrzFile.open(bytes, FrzOptions.builder().tier(tier).memoryBudget(budget).build())

    @Test
    fun `a tensor reads as the row of its tier`() {
        val expected = listOf(
            Triple(listOf(1f, 2f), 7f, 1.toByte()),
            Triple(listOf(3f, 4f), 8f, 2.toByte()),
            Triple(listOf(5f, 6f), 9f, 3.toByte())
        )
        for ((tier, triple) in expected.withIndex()) {
            val file = at(tier)
            val (m, w, n) = triple
            assertEquals(m, file.load("m").floats().toList())
            assertEquals(m, file.load("a").floats().toList())
            assertEquals(listOf(w), file.load("w").floats().toList())
            val all = file.loadAll()
            assertEquals(listOf("m", "w", "x", "n", "a"), all.keys.toList())
            assertEquals(m, all.getValue("a").floats().toList())
            assertEquals(List(large) { n }, all.getValue("n").buffer.run { List(large) { get() } })
            assertEquals(listOf(10f), all.getValue("x").floats().toList())
            assertEquals(mapOf("m" to "m@tiers", "w" to "w@tiers", "n" to "n@tiers"), file.rows)
            assertEquals(listOf("m", "w", "x", "n"), file.model.map { it.name })
        }
    }

    @Test
    fun `rows are listed and loaded by name`() {
        val file = at(0)
        assertEquals(7, file.tensors.size)
        for (name in listOf("m@tiers", "b")) assertEquals(listOf(1f, 2f, 3f, 4f), file.load(name).floats().toList())
        assertEquals(listOf(2L, 2L), file.load("b").shape.toList())
    }

    @Test
    fun `a row takes no more memory than itself`() {
        for (tier in 0..2) {
            val budget = large.toLong()
            assertEquals(large, at(tier, budget).load("n").buffer.remaining())
            refused(ErrorCode.BUDGET) { at(tier, budget - 1).load("n") }
            at(tier, 0).loadInto("n", ByteBuffer.allocate(large))
            val short = ByteBuffer.allocate(large - 1)
            assertThrows(IllegalArgumentException::class.java) { at(tier).loadInto("n", short) }
            val seen = ArrayList<String>()
            at(tier, budget).forEach { seen.add(it.name) }
            val memory = ByteBuffer.allocate(large)
            at(tier, 0).forEach({ memory }) { seen.add(it.name) }
            assertEquals(listOf("m", "n", "w", "x"), seen.take(4).sorted())
            assertEquals(seen.take(4), seen.drop(4))
            assertEquals(5, at(tier, budget + 2 * 4 + 2 * 4).loadAll().size)
            refused(ErrorCode.BUDGET) { at(tier, budget + 2 * 4 + 2 * 4 - 1).loadAll() }
        }
    }

    @Test
    fun `what a row stands in for is not read`() {
        val damaged = bytes.clone().also { it[it.size - 1]++ }
        val low = FrzFile.open(damaged, FrzOptions.builder().tier(1).build())
        assertArrayEquals(at(1).loadAll().getValue("n").bytes(), low.loadAll().getValue("n").bytes())
        refused(ErrorCode.CHECKSUM) { FrzFile.open(damaged).load("n") }
        refused(ErrorCode.CHECKSUM) { low.verify() }
    }

    @Test
    fun `the cost of many rows grows with them and not faster`() {
        val count = 40_000
        val names = List(count) { "$it" } + List(count) { "$it@tiers" }
        val file = FrzBuilder().group(
            mapOf(
                0 to 0,
                1 to 11,
                2 to names.flatMap { listOf(0, it) },
                3 to List(count) { listOf<Int>() } + List(count) { listOf(1) },
                4 to 0
            ),
            floats(*FloatArray(2 * count) { it.toFloat() })
        ).with(4, 2).build()
        assertTimeout(Duration.ofSeconds(20)) {
            val low = FrzFile.open(file, FrzOptions.builder().tier(0).build())
            val all = low.loadAll()
            assertEquals(count, all.size)
            assertEquals(2f * count - 1, all.getValue("${count - 1}").floats().single())
        }
    }

    private fun FrzTensor.bytes() = ByteArray(buffer.remaining()).also { buffer.get(it) }
}
