package io.frz.pytorch

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.ByteArrayInputStream
import java.io.File
import java.io.InputStream
import java.nio.ByteBuffer
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.pytorch.Module

/** Loads modules into the lite interpreter, and compares their outputs with those of PyTorch. */
class FrzModuleTest : OnRuntime() {
    private val skeleton = resource("tiny.ptl")
    private val weights = resource("tiny.frz")
    private val wide = part("wide.ptl")
    private val wideWeights = part("wide.frz")

    private companion object {
        /** Memory for decoding the weights of `rows.frz`, of which a batch can take a quarter. */
        const val WORKING = 120L
    }

    private class Closing(private val stream: InputStream) : InputStream() {
        var closed = false

        override fun read(): Int = stream.read()

        override fun close() {
            closed = true
        }
    }

    @Test
    fun `weights of every type are loaded from files`() = check(FrzModule.loaderOf(skeleton, weights).load())

    @Test
    fun `loading from bytes leaves only the skeleton in the cache`(@TempDir cache: File) {
        val direct = ByteBuffer.allocateDirect(weights.length().toInt() + 3).put(weights.readBytes())
        direct.limit(direct.position()).position(0)
        check(FrzModule.loaderOf(FrzPart.of(skeleton.readBytes()), FrzPart.of(direct), cache).load())
        assertEquals(0, direct.position())
        val copies = cache.listFiles()!!
        assertArrayEquals(skeleton.readBytes(), copies.single().readBytes())
    }

    @Test
    fun `streams are read once and closed`(@TempDir cache: File) {
        val streams = listOf(skeleton, weights).map { Closing(it.inputStream()) }
        check(FrzModule.loaderOf(FrzPart.of(streams[0]), FrzPart.of(streams[1]), File(cache, "new/folder")).load())
        assertTrue(streams.all { it.closed })
        val damaged = Closing(ByteArrayInputStream(ByteArray(0)))
        assertThrows(FrzLoadException::class.java) {
            FrzModule.loaderOf(FrzPart.of(damaged), FrzPart.of(damaged), cache).load()
        }
        assertTrue(damaged.closed)
    }

    @Test
    fun `a tier is loaded and replaced in place`() {
        val low = FrzLoadOptions.builder().tier(0).build()
        val module = FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load(low)
        val small = wideOutputOf(module)
        val complete = FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load()
        assertFalse(small.contentEquals(wideOutputOf(complete)))
        FrzModule.loadWeights(module, wideWeights)
        assertArrayEquals(wideOutputOf(complete), wideOutputOf(module))
        FrzModule.loadWeights(module, wideWeights, low)
        assertArrayEquals(small, wideOutputOf(module))
        module.destroy()
        complete.destroy()
    }

    @Test
    fun `a file that lacks weights replaces none of them unless this is requested`() {
        val module = FrzModule.loaderOf(resource("other.ptl"), resource("rows.frz")).load()
        fun output() = run(module, FloatArray(9) { 1f }, 1, 1, 3, 3)
        val before = output()
        for (name in listOf("incomplete.frz", "plain.frz", "wide.frz")) {
            val refused = assertThrows(FrzLoadException::class.java) { FrzModule.loadWeights(module, part(name)) }
            assertEquals(Kind.MISMATCH, refused.kind)
            assertTrue("conv.bias" in refused.message!! && "\n" !in refused.message!!, refused.message)
            assertArrayEquals(before, output())
        }
        val others = FrzModule.loaderOf(resource("other.ptl"), resource("other.frz")).load()
        FrzModule.loadWeights(others, part("incomplete.frz"), partial = true) // zeros, except for the bias
        val biases = run(others, FloatArray(9), 1, 1, 3, 3)
        assertTrue(biases.any { it != 0f })
        assertArrayEquals(biases, run(others, FloatArray(9) { 1f }, 1, 1, 3, 3))
        val left = assertThrows(FrzLoadException::class.java) {
            FrzModule.loadWeights(others, part("wide.frz"), partial = true)
        }
        assertTrue("first.weight is left over" in left.message!!, left.message)
        listOf(module, others).forEach(Module::destroy)
    }

    @Test
    fun `the weights of a destroyed module cannot be replaced`() {
        val module = FrzModule.loaderOf(skeleton, weights).load()
        module.destroy()
        val thrown = assertThrows(FrzLoadException::class.java) {
            FrzModule.loadWeights(module, FrzPart.of(weights))
        }
        assertEquals("RUNTIME_FAILED: the module has been destroyed; load it again", thrown.message)
    }

    @Test
    fun `raw weights are read from the requested tier`() {
        for (tier in 0..1) {
            val options = FrzLoadOptions.builder().tier(tier).memoryBudget(144 + 16 + 144 + WORKING)
            val module = FrzModule.loaderOf(resource("other.ptl"), resource("rows.frz"))
                .load(options.verify(true).build())
            assertArrayEquals(FloatArray(4) { tier + 1f }, run(module, FloatArray(9), 1, 1, 3, 3))
            module.destroy()
        }
    }

    @Test
    fun `a factored network takes coefficients, and nothing large is rebuilt`() {
        val coefficients = 4L * 2 * 200
        val biases = 4L * (1024 + 512)
        val needed = coefficients + biases + 4L * 1024
        fun options(budget: Long) = FrzLoadOptions.builder().memoryBudget(budget)
        val seen = ArrayList<Pair<Long, Long>>()
        val skeleton = resource("wide.factored.ptl")
        val watched = options(1 shl 17).verify(true).progress { done, total -> seen.add(done to total) }.build()
        val factored = FrzModule.loaderOf(skeleton, resource("wide.frz")).load(watched)
        assertEquals(listOf(0L, coefficients + biases), seen.map { it.first })
        assertEquals(setOf(coefficients + biases), seen.map { it.second }.toSet())
        val refused = assertThrows(FrzException::class.java) {
            FrzModule.loaderOf(skeleton, resource("wide.frz")).load(options(1000).build())
        }
        assertEquals(ErrorCode.BUDGET, refused.code)
        assertTrue("take $needed bytes, but the memory budget is 1000" in refused.message!!, refused.message)
        val rebuilt = FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load()
        val expected = wideOutputOf(rebuilt)
        assertArrayEquals(expected, wideOutputOf(factored), 1e-5f * expected.max())
        FrzModule.loadWeights(factored, wideWeights)
        assertArrayEquals(expected, wideOutputOf(factored), 1e-5f * expected.max())
        listOf(factored, rebuilt).forEach(Module::destroy)
    }

    @Test
    fun `options reach the decoder`() {
        val threads = FrzLoadOptions.builder().threads(3).verify(true).build()
        val module = FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load(threads)
        val other = FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load()
        assertArrayEquals(wideOutputOf(other), wideOutputOf(module))
        listOf(module, other).forEach(Module::destroy)
        val tier = FrzLoadOptions.builder().tier(7).build()
        val missing = assertThrows(FrzException::class.java) { FrzModule.loaderOf(skeleton, weights).load(tier) }
        assertEquals(ErrorCode.TIER, missing.code)
    }

    @Test
    fun `a budget covers weights and working memory`(@TempDir cache: File) {
        val weightBytes = 4L * (1024 * 1024 + 1024 + 512 * 1024 + 512)
        val needed = weightBytes + 4L * 1024 * 1024
        fun load(bytes: Long) =
            FrzModule.loaderOf(wide, wideWeights, cache).load(FrzLoadOptions.builder().memoryBudget(bytes).build())

        // Of the decoder's memory, only that for the largest tensor counts, and in addition to the weights.
        fun decode(bytes: Long) = FrzFile.open(resource("wide.frz")).use { file ->
            val memory = ByteBuffer.allocateDirect(4 shl 20)
            file.withMemoryBudget(bytes).forEach({ memory.clear() as ByteBuffer }) { }
        }
        val decoding = least(::decode)
        val total = least { bytes -> load(bytes).destroy() }
        assertTrue(decoding > 0)
        assertTrue(total in needed + decoding..needed + decoding + decoding / 20, "$total, not $needed + $decoding")
        for (bytes in listOf(needed - 1, 1000L, 0L)) {
            val refused = assertThrows(FrzException::class.java) { load(bytes) }
            assertEquals(ErrorCode.BUDGET, refused.code)
        }
    }

    /** Returns the least number of bytes with which [work] is not refused. */
    private fun least(work: (Long) -> Unit): Long {
        var refused = 0L
        var least = 1L shl 26
        while (least - refused > 1) {
            val budget = (refused + least) / 2
            try {
                work(budget)
                least = budget
            } catch (e: FrzException) {
                assertEquals(ErrorCode.BUDGET, e.code)
                refused = budget
            }
        }
        return least
    }

    @Test
    fun `progress goes from zero to the total`() {
        val seen = ArrayList<Pair<Long, Long>>()
        val options = FrzLoadOptions.builder().progress { done, total -> seen.add(done to total) }.build()
        FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load(options).destroy()
        val total = 4L * (1024 * 1024 + 1024 + 512 * 1024 + 512)
        assertEquals(setOf(total), seen.map { it.second }.toSet())
        assertEquals(0L, seen.first().first)
        assertEquals(total, seen.last().first)
        assertEquals(seen.map { it.first }.sorted(), seen.map { it.first })
        assertTrue(seen.size >= 3, seen.toString())
    }

    @Test
    @Suppress("ExplicitGarbageCollectionCall")
    fun `weights outlive the buffer in which they were passed`() {
        val module = FrzModule.loaderOf(skeleton, weights).load()
        repeat(3) {
            System.gc()
            // If the memory of the weights has been freed, this overwrites it.
            ByteBuffer.allocateDirect(8 shl 20)
            FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load().destroy()
        }
        check(module)
    }

    @Test
    fun `eight threads load simultaneously into one cache`(@TempDir cache: File) {
        val pool = Executors.newFixedThreadPool(8)
        try {
            val loads = List(24) {
                Callable {
                    val tiny = FrzModule.loaderOf(FrzPart.of(skeleton.readBytes()), FrzPart.of(weights), cache).load()
                    check(tiny)
                    val module = FrzModule.loaderOf(
                        FrzPart.of(resource("wide.ptl").readBytes()),
                        wideWeights,
                        cache
                    ).load()
                    wideOutputOf(module).also { module.destroy() }
                }
            }
            val outputs = pool.invokeAll(loads).map { it.get() }
            for (output in outputs) assertArrayEquals(outputs[0], output)
        } finally {
            pool.shutdownNow()
        }
        assertEquals(2, cache.list()!!.size)
    }

    @Test
    fun `an interrupt cancels and is not swallowed`() {
        Thread.currentThread().interrupt()
        val cancelled = assertThrows(FrzLoadException::class.java) { FrzModule.loaderOf(skeleton, weights).load() }
        assertTrue(Thread.interrupted())
        assertEquals(Kind.CANCELLED, cancelled.kind)
        val options = FrzLoadOptions.builder().progress { done, _ ->
            if (done > 0) Thread.currentThread().interrupt()
        }.build()
        val midway = assertThrows(FrzLoadException::class.java) {
            FrzModule.loaderOf(resource("wide.ptl"), resource("wide.frz")).load(options)
        }
        assertTrue(Thread.interrupted())
        assertEquals(Kind.CANCELLED, midway.kind)
    }

    @Test
    fun `tensors are rebuilt in a file on request`(@TempDir cache: File) {
        val scratch = File(cache, "scratch")
        val options = FrzLoadOptions.builder().scratch(scratch).build()
        val module = FrzModule.loaderOf(part("wide.ptl"), part("wide.frz"), cache).load(options)
        val plain = FrzModule.loaderOf(part("wide.ptl"), part("wide.frz"), cache).load()
        assertArrayEquals(wideOutputOf(plain), wideOutputOf(module))
        listOf(plain, module).forEach(Module::destroy)
        assertEquals(0, scratch.list()!!.size)
        val inTheWay = FrzLoadOptions.builder().scratch(resource("tiny.frz")).build()
        val thrown = assertThrows(FrzLoadException::class.java) {
            FrzModule.loaderOf(part("wide.ptl"), part("wide.frz"), cache).load(inTheWay)
        }
        assertEquals(FrzLoadException.Kind.CACHE, thrown.kind)
    }
}
