package io.frz.loading

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.Fake.Companion.NEWER
import io.frz.loading.Fake.Companion.OLDER
import io.frz.loading.Fake.Companion.WIDE_BYTES
import io.frz.loading.Fake.Companion.fault
import io.frz.loading.Fake.Companion.load
import io.frz.loading.Fake.Companion.part
import io.frz.loading.Fake.Companion.resource
import io.frz.loading.Fake.Companion.sumOf
import io.frz.loading.FrzLoadException.Kind
import java.io.File
import java.util.concurrent.Executors
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests loading on the calling thread, with the fake runtime. */
class FrzLoaderTest {
    private val options = FrzLoadOptions.builder()

    @Test
    fun `a delta file is loaded with its base`() {
        val expected = FrzFile.open(OLDER).use { base ->
            val sum = CRC32()
            FrzFile.open(NEWER, base = base).use { file ->
                file.forEach { tensor ->
                    val bytes = tensor.buffer
                    sum.update(ByteArray(bytes.remaining()).also(bytes::get))
                }
            }
            sum.value
        }
        val bytes = OLDER.readBytes()
        val stream = Closing(bytes)
        for (base in listOf(FrzPart.of(OLDER), FrzPart.of(bytes), FrzPart.of(stream))) {
            assertEquals(expected, load(options.base(base).tier(0).verify(true).build(), FrzPart.of(NEWER)).sum)
        }
        assertTrue(stream.isClosed)
        assertEquals(sumOf("tiny.frz"), load(options.base(FrzPart.of(OLDER)).build(), part("tiny.frz")).sum)
    }

    @Test
    fun `a base that is missing or wrong is reported as such`() {
        val bases = mapOf(
            null to "needs",
            part("tiny.frz") to "the base is not the file",
            FrzPart.of(ByteArray(9)) to "the base cannot be used: MAGIC"
        )
        for ((base, problem) in bases) {
            val thrown = assertThrows(FrzException::class.java) { load(options.base(base).build(), FrzPart.of(NEWER)) }
            assertEquals(ErrorCode.BASE, thrown.code)
            assertTrue(problem in thrown.message!!, thrown.message)
            val named = mapOf("needs" to NEWER.path, "the base is not the file" to resource("tiny.frz").path)
            assertEquals(named[problem], thrown.path)
        }
        val missing = options.base(FrzPart.of(File("nothing"))).build()
        val thrown = assertThrows(FrzLoadException::class.java) { load(missing, FrzPart.of(NEWER)) }
        assertEquals(Kind.UNREADABLE, thrown.kind)
        assertTrue("the base cannot be read: nothing" in thrown.message!!, thrown.message)
        val small = options.base(FrzPart.of(OLDER)).memoryBudget(9).build()
        val refused = assertThrows(FrzException::class.java) { load(small, FrzPart.of(NEWER)) }
        assertEquals(ErrorCode.BUDGET to NEWER.path, refused.code to refused.path)
    }

    @Test
    fun `a budget covers the network and the memory to rebuild it`() {
        load(options.memoryBudget(2 * WIDE_BYTES).verify(true).build())
        val refused = assertThrows(FrzException::class.java) { load(options.memoryBudget(2 * WIDE_BYTES - 1).build()) }
        assertEquals(ErrorCode.BUDGET, refused.code)
        val text = "take ${2 * WIDE_BYTES} bytes, but the memory budget is ${2 * WIDE_BYTES - 1}"
        assertTrue(text in refused.message!!, refused.message)
    }

    @Test
    fun `tiers, threads and helpers reach the decoder`() {
        assertFalse(sumOf("wide.frz", options.tier(0).build()) == sumOf("wide.frz"))
        val pool = Executors.newFixedThreadPool(2)
        assertEquals(sumOf("wide.frz"), load(FrzLoadOptions.builder().threads(3).helpers(pool).build()).sum)
        pool.shutdown()
        val missing = assertThrows(FrzException::class.java) { load(options.tier(7).build()) }
        assertEquals(ErrorCode.TIER, missing.code)
    }

    @Test
    fun `tensors are rebuilt in a scratch folder, and files of killed processes are removed from it`(
        @TempDir cache: File
    ) {
        val scratch = File(cache, "a/b")
        assertEquals(sumOf("wide.frz"), load(options.scratch(scratch).build()).sum)
        assertEquals(0, scratch.list()!!.size)
        val (left, foreign) = listOf("weights-1.partial", "notes").map { File(scratch, it).apply { writeText("old") } }
        val writing = File(scratch, "weights-2.partial").apply { writeText("new") }
        for (old in listOf(left, foreign)) assertTrue(old.setLastModified(0))
        load(options.build())
        assertTrue(!left.exists() && foreign.exists() && writing.exists())
        for (folder in listOf(resource("tiny.frz"), File("/proc/frz"))) {
            val thrown = assertThrows(FrzLoadException::class.java) { load(options.scratch(folder).build()) }
            assertEquals(Kind.CACHE, thrown.kind)
            assertTrue(folder.path in thrown.message!!, thrown.message)
        }
    }

    @Test
    fun `an interrupt cancels at every step, and is not swallowed`(@TempDir cache: File) {
        for (scratch in listOf(null, cache)) {
            val steps = ArrayList<Long>()
            load(options.scratch(scratch).progress { done, _ -> steps.add(done) }.build())
            assertEquals(WIDE_BYTES, steps.last())
            for (step in steps.dropLast(1)) {
                val watched = options.progress { done, _ -> if (done == step) Thread.currentThread().interrupt() }
                val cancelled = assertThrows(FrzLoadException::class.java) { load(watched.build()) }
                assertTrue(Thread.interrupted())
                assertEquals(Kind.CANCELLED, cancelled.kind)
            }
        }
        assertEquals(0, cache.list()!!.size)
        Thread.currentThread().interrupt()
        val skeleton = Closing(ByteArray(1))
        assertEquals(Kind.CANCELLED, fault(FrzPart.of(skeleton)).kind)
        assertTrue(Thread.interrupted() && skeleton.isClosed)
    }

    @Test
    fun `weights are opened and closed without a skeleton`() {
        val names = FrzLoad.withWeights(part("tiny.frz"), options.build()) { file, load ->
            load.admit(file, 1, null)
            file.tensors.map { it.name }
        }
        assertTrue(names.isNotEmpty())
    }

    @Test
    fun `options are checked, and copied`() {
        val all = FrzLoadOptions.builder().threads(2).memoryBudget(9).scratch(File("x")).tier(1).verify(true)
            .progress { _, _ -> }.background(Runnable::run).callbacks(Runnable::run).helpers(Runnable::run).build()
        val same = all.newBuilder().build()
        assertEquals(
            listOf(2, 9L, File("x"), 1, true),
            same.run {
                listOf(threads, memoryBudget, scratch, tier, verify)
            }
        )
        val executors = { it: FrzLoadOptions -> listOf(it.background, it.callbacks, it.helpers, it.progress) }
        assertEquals(executors(all), executors(same))
        assertNull(FrzLoadOptions.DEFAULT.progress)
        for (wrong in listOf<() -> Unit>({ options.threads(0) }, { options.memoryBudget(-1) }, { options.tier(-1) })) {
            assertThrows(IllegalArgumentException::class.java) { wrong() }
        }
    }
}
