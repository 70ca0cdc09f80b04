package io.frz

import com.sun.management.ThreadMXBean
import io.frz.internal.container.DirectoryField.ALIASES
import io.frz.internal.container.DirectoryField.METADATA
import io.frz.internal.container.DirectoryField.TIERS
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.CORNERS
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.SEEDS
import io.frz.internal.container.GroupField.SHAPES
import io.frz.internal.container.GroupField.SIZES
import java.lang.management.ManagementFactory
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that opening a file stays within the memory budget, and that its time is proportional to the file's size. */
class OpeningTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean

    private fun deflated(build: FrzBuilder.() -> Unit): ByteArray =
        FrzBuilder().apply { deflated = true }.apply(build).build()

    /** Returns a file with a deflated directory, which has one group of [count] tensors without elements. */
    private fun group(count: Int, tiers: Int, name: (Int) -> List<Any>) = deflated {
        with(TIERS, tiers)
        group(
            mapOf(
                DTYPE to 11,
                NAMES to (0 until count).flatMap(name),
                SHAPES to List(count) { listOf(0) },
                KEPT to List(tiers) { List(count) { 0 } },
                CODER to 0,
                SIZES to List(tiers) { 0 }
            )
        )
    }

    private val files = mapOf(
        "long names" to group(20_000, 1) { if (it == 0) listOf(0, "x".repeat(999) + "00000") else listOf(999, "$it") },
        "kept counts" to group(20_000, 256) { listOf(0, "$it") },
        "tensors" to group(50_000, 1) { listOf(0, "$it") },
        "groups" to deflated {
            with(TIERS, 256)
            repeat(20_000) { plain("$it", DType.U8, listOf(0), ByteArray(0), SIZES to listOf(0)) }
        },
        "aliases" to deflated {
            plain("w", DType.U8, listOf(0), ByteArray(0), SIZES to listOf(0))
            with(ALIASES, List(20_000) { listOf("$it", "w") })
        },
        "corners" to deflated {
            with(TIERS, 64)
            val shapes = SHAPES to List(10_000) { listOf(1, 0) }
            val corners = CORNERS to List(64) { List(10_000) { listOf(1, 0) } }
            val names = NAMES to (0 until 10_000).flatMap { listOf(0, "$it") }
            group(mapOf(DTYPE to 11, names, shapes, corners, CODER to 0, SIZES to List(64) { 0 }))
        },
        "factors" to deflated {
            group(mapOf(DTYPE to 11, SHAPES to List(30_000) { listOf(0, 0) }, CODER to 0, SIZES to listOf(0)))
        },
        "seeds" to deflated {
            val names = NAMES to (0 until 20_000).flatMap { listOf(0, "$it") }
            val seeds = SEEDS to List(20_000) { listOf(5, 5) }
            val shapes = SHAPES to List(20_000) { listOf(0, 0) }
            group(mapOf(DTYPE to 11, names, shapes, BASES to listOf(3), seeds, CODER to 0, SIZES to listOf(0)))
        },
        "metadata" to deflated { with(METADATA, List(30_000) { "%05d".format(it) to "" }.toMap()) }
    )

    private fun allocated() = threads.getThreadAllocatedBytes(Thread.currentThread().id)

    private fun open(bytes: ByteArray, budget: Long) =
        FrzFile.open(bytes, FrzOptions.builder().memoryBudget(budget).build())

    @Test
    fun `memory beyond the budget is refused before it is allocated`() {
        for ((what, bytes) in files) {
            assertTrue(bytes.size < 200_000, what)
            for (budget in listOf(0L, 1L shl 20, 3L shl 19)) {
                val before = allocated()
                refused(ErrorCode.BUDGET) { open(bytes, budget) }
                val taken = allocated() - before
                // In addition to the memory that is counted, reading allocates short-lived objects in proportion to the
                // bytes read.
                assertTrue(taken < (8L shl 20), "$what: $taken bytes were allocated under a budget of $budget")
            }
        }
    }

    @Test
    @Suppress("ExplicitGarbageCollectionCall")
    fun `the memory of an open file is within the budget`() {
        val runtime = Runtime.getRuntime()
        fun used(): Long {
            repeat(3) { System.gc() }
            return runtime.totalMemory() - runtime.freeMemory()
        }
        for ((what, bytes) in files) {
            val least = leastBudget(bytes)
            val before = used()
            val file = open(bytes, least)
            val kept = used() - before
            assertTrue(kept < least + (1 shl 20), "$what: $kept bytes are retained under a budget of $least")
            file.close()
        }
    }

    /** Returns the smallest budget with which a file can be opened, accurate to 25 %. */
    private fun leastBudget(bytes: ByteArray): Long {
        var budget = 1L shl 20
        while (true) {
            try {
                open(bytes, budget).close()
                return budget
            } catch (_: FrzException) {
                budget += budget / 4
            }
        }
    }

    @Test
    fun `small files open with any budget`() {
        val bytes = FrzBuilder().spectrum("w", listOf(8, 4), floatArrayOf(1f)).build()
        assertEquals(1, open(bytes, 0).tensors.size)
    }

    @Test
    fun `a million tensors are listed and found`() {
        val count = 1_000_000
        val bytes = group(count, 1) { listOf(0, "$it") }
        assertProcessorTime(60) {
            val file = FrzFile.open(bytes)
            assertEquals(count, file.tensors.size)
            file.tensors.forEachIndexed { i, info -> assertEquals("$i", info.name) }
            for (i in 0 until count) assertEquals(i, file.tensor("$i").index)
            assertTrue("$count" !in file && "" !in file && "x".repeat(2000) !in file && "\uD800" !in file)
        }
    }
}
