package io.frz.loading

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.Fake.Companion.loader
import io.frz.loading.Fake.Companion.part
import io.frz.loading.Fake.Companion.resource
import io.frz.loading.Fake.Companion.sealed
import io.frz.loading.Fake.Companion.sumOf
import io.frz.loading.FrzLoadException.Kind
import java.io.ByteArrayInputStream
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile
import java.io.SequenceInputStream
import java.net.SocketTimeoutException
import java.nio.ByteBuffer
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
    private val bytes = 4L * (1024 * 1024 + 1024 + 512 * 1024 + 512)

    /** A stream that records whether it has been closed. */
    private class Closing(bytes: ByteArray) : ByteArrayInputStream(bytes) {
        var isClosed = false

        override fun close() {
            isClosed = true
        }
    }

    private val older = File("../../spec/vectors/base-files/f3e888adf29ef33f.frz")
    private val newer = File("../../spec/vectors/valid/delta-steps.frz")

    private fun load(
        options: FrzLoadOptions,
        weights: FrzPart = part("wide.frz"),
        skeleton: FrzPart = part("wide.ptl")
    ) = loader(skeleton, weights).load(options)

    private fun fault(skeleton: FrzPart, weights: FrzPart = part("tiny.frz")): FrzLoadException =
        assertThrows(FrzLoadException::class.java) { loader(skeleton, weights).load() }

    @Test
    fun `bytes and buffers are read between position and limit`() {
        val weights = resource("tiny.frz").readBytes()
        val direct = ByteBuffer.allocateDirect(weights.size + 3).put(weights)
        direct.limit(direct.position()).position(0)
        for (part in listOf(FrzPart.of(weights), FrzPart.of(direct), FrzPart.of(weights.inputStream()))) {
            val skeleton = FrzPart.of(ByteBuffer.wrap(sealed(ByteArray(9))))
            assertEquals(sumOf("tiny.frz"), loader(skeleton, part).load().sum)
        }
        assertEquals(0, direct.position())
    }

    @Test
    fun `a stream can be loaded once`() {
        val weights = FrzPart.of(resource("tiny.frz").inputStream())
        load(options.build(), weights)
        val thrown = fault(part("tiny.ptl"), weights)
        assertEquals(Kind.UNREADABLE, thrown.kind)
        assertTrue("has been used" in thrown.message!!, thrown.message)
    }

    @Test
    fun `a load neither reads nor closes the stream of another load`() {
        val stream = Closing(resource("tiny.frz").readBytes())
        val weights = FrzPart.of(stream)
        val waiting = ArrayList<Runnable>()
        val told = ArrayList<Any>()
        val callback = object : FrzCallback<Net> {
            override fun onLoaded(network: Net) {
                told.add(network)
            }

            override fun onFailed(cause: IOException) {
                told.add(cause)
            }
        }
        val later = options.background { waiting.add(it) }.callbacks(Runnable::run).build()
        loader(part("tiny.ptl"), weights).loadAsync(callback, later)
        val second = loader(part("tiny.ptl"), weights).loadAsync(callback, later)
        assertEquals(Kind.UNREADABLE, fault(part("tiny.ptl"), weights).kind)
        assertEquals(Kind.UNREADABLE, fault(weights).kind)
        val base = options.base(weights).build()
        val thrown = assertThrows(FrzLoadException::class.java) { load(base, FrzPart.of(newer)) }
        assertEquals(Kind.UNREADABLE, thrown.kind)
        assertThrows(FrzLoadException::class.java) { FrzLoad.withWeights(weights, options.build()) { _, _ -> } }
        assertTrue(second.cancel())
        assertFalse(stream.isClosed)
        waiting.forEach(Runnable::run)
        assertEquals(sumOf("tiny.frz"), (told.last() as Net).sum)
        assertTrue(stream.isClosed)
    }

    @Test
    fun `unsuitable sources are unreadable`(@TempDir folder: File) {
        val file = File(folder, "weights").apply { writeBytes(resource("tiny.frz").readBytes()) }
        val size = file.length()
        file.inputStream().channel.use { channel ->
            val sections = listOf(0L to size + 1, -1L to 5L, 0L to -1L, size + 1 to 0L, 7L to Long.MAX_VALUE)
            for ((offset, length) in sections) {
                val part = FrzPart.of(channel, offset, length)
                assertEquals(Kind.UNREADABLE, fault(part("tiny.ptl"), part).kind)
                if (length != 0L) assertEquals(Kind.UNREADABLE, fault(part).kind)
            }
        }
        FileOutputStream(file, true).channel.use { channel ->
            val part = FrzPart.of(channel, 0, size)
            for (bad in listOf(fault(part), fault(part("tiny.ptl"), part))) assertEquals(Kind.UNREADABLE, bad.kind)
        }
        val endless = object : InputStream() {
            override fun read(): Int = throw OutOfMemoryError("an array that grows without end")
        }
        val thrown = assertThrows(FrzException::class.java) { load(options.build(), skeleton = FrzPart.of(endless)) }
        assertEquals(ErrorCode.BUDGET, thrown.code)
    }

    @Test
    fun `a section longer than its file does not lengthen the file`(@TempDir folder: File) {
        val file = File(folder, "skeleton").apply { writeBytes(resource("tiny.ptl").readBytes()) }
        val size = file.length()
        RandomAccessFile(file, "rw").channel.use { channel ->
            for ((offset, length) in listOf(0L to size + 1, size to 1L)) {
                val part = FrzPart.of(channel, offset, length)
                for (bad in listOf(fault(part), fault(part("tiny.ptl"), part))) assertEquals(Kind.UNREADABLE, bad.kind)
                assertEquals(size, file.length())
            }
        }
    }

    /** A stream that calls [act] before each read and then returns [count] bytes, and claims to contain gigabytes. */
    private class Endless(private val count: Int, private val act: () -> Unit) : InputStream() {
        override fun read(): Int = 0

        override fun read(bytes: ByteArray, start: Int, size: Int): Int {
            act()
            return minOf(count, size)
        }

        override fun available(): Int = Int.MAX_VALUE
    }

    @Test
    fun `a skeleton is read from a stream whatever the stream says about its size`() {
        for (size in listOf(Int.MAX_VALUE, -1)) {
            val stream = object : ByteArrayInputStream(resource("wide.ptl").readBytes()) {
                override fun available(): Int = size
            }
            assertEquals(sumOf("wide.frz"), load(options.build(), skeleton = FrzPart.of(stream)).sum)
        }
    }

    @Test
    fun `a stream that returns nothing is unreadable`() {
        for (bad in listOf(fault(FrzPart.of(Endless(0) {})), fault(part("tiny.ptl"), FrzPart.of(Endless(0) {})))) {
            assertEquals(Kind.UNREADABLE, bad.kind)
            assertTrue("the stream returned no bytes" in bad.message!!, bad.message)
        }
    }

    @Test
    fun `an interrupt ends reading a stream`() {
        val endless = { FrzPart.of(Endless(1) { Thread.currentThread().interrupt() }) }
        assertEquals(Kind.CANCELLED, fault(endless()).kind)
        assertTrue(Thread.interrupted())
        // The start of an intact file, followed by bytes without end.
        val start = resource("wide.frz").readBytes().copyOf(2000).inputStream()
        val weights = FrzPart.of(SequenceInputStream(start, Endless(1) { Thread.currentThread().interrupt() }))
        assertEquals(Kind.CANCELLED, fault(part("wide.ptl"), weights).kind)
        assertTrue(Thread.interrupted())
    }

    @Test
    fun `if memory runs out in a runtime, the load exceeds the budget`() {
        val hungry = object : FrzRuntime<Net> by Fake() {
            override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net =
                throw OutOfMemoryError("Java heap space")
        }
        val loader = FrzLoader(hungry, part("tiny.ptl"), part("tiny.frz"))
        val thrown = assertThrows(FrzException::class.java) { loader.load() }
        assertEquals(ErrorCode.BUDGET, thrown.code)
        assertTrue(thrown.cause is OutOfMemoryError)
    }

    @Test
    fun `failures of a skeleton name it`() {
        val own = listOf(Kind.SKELETON_UNSUPPORTED, Kind.MISMATCH, Kind.SKELETON_DAMAGED, Kind.RUNTIME_FAILED)
        for (kind in own + Kind.CACHE) {
            val original = FrzLoadException(kind, "a problem", IOException("its cause"))
            val failing = object : FrzRuntime<Net> by Fake() {
                override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net = throw original
            }
            val skeleton = resource("tiny.ptl")
            val named = assertThrows(FrzLoadException::class.java) {
                FrzLoader(failing, FrzPart.of(skeleton), part("tiny.frz")).load()
            }
            val place = if (kind == Kind.CACHE) "" else "$skeleton: "
            assertEquals("$kind: ${place}a problem", named.message)
            assertEquals(kind to original.cause, named.kind to named.cause)
            assertEquals(original.stackTrace.toList(), named.stackTrace.toList())
            val unnamed = assertThrows(FrzLoadException::class.java) {
                FrzLoader(failing, FrzPart.of(skeleton.readBytes()), part("tiny.frz")).load()
            }
            assertEquals("$kind: a problem", unnamed.message)
        }
        val damaged = fault(part("tiny.frz")).message!!
        assertTrue(damaged.startsWith("SKELETON_DAMAGED: ${resource("tiny.frz")}: this is not an intact"), damaged)
    }

    @Test
    fun `failures of weights name them`(@TempDir folder: File) {
        val damaged = File(folder, "five.frz").apply { writeBytes(resource("tiny.frz").readBytes().copyOf(50)) }
        val thrown = assertThrows(FrzException::class.java) { load(options.build(), FrzPart.of(damaged)) }
        assertEquals(damaged.path, thrown.path)
        assertTrue(thrown.message!!.startsWith("$damaged: ${thrown.code}: "), thrown.message)
        val unnamed = assertThrows(FrzException::class.java) {
            load(options.build(), FrzPart.of(damaged.readBytes()))
        }
        assertNull(unnamed.path)
        assertEquals("$damaged: ${unnamed.message}", thrown.message)
        val small = options.memoryBudget(bytes).build()
        assertEquals(resource("wide.frz").path, assertThrows(FrzException::class.java) { load(small) }.path)
        val replaced = assertThrows(FrzException::class.java) {
            FrzLoad.withWeights(FrzPart.of(damaged), FrzLoadOptions.DEFAULT) { _, _ -> }
        }
        assertEquals(damaged.path, replaced.path)
        val misfit = assertThrows(FrzLoadException::class.java) {
            FrzLoad.withWeights(part("tiny.frz"), FrzLoadOptions.DEFAULT) { _, _ ->
                throw FrzLoadException(Kind.MISMATCH, "a problem")
            }
        }
        assertEquals("MISMATCH: ${resource("tiny.frz")}: a problem", misfit.message)
        val cause = FrzException(ErrorCode.VALUE, "a problem", "weight", 7, IOException("its cause"))
        cause.addSuppressed(IOException("another"))
        val named = cause.inFile("a.frz")
        assertEquals("a.frz: VALUE: a problem (tensor \"weight\", offset 7)", named.message)
        assertEquals(listOf(cause.cause, cause.stackTrace.toList()), listOf(named.cause, named.stackTrace.toList()))
        assertEquals(cause.suppressed.toList(), named.suppressed.toList())
        assertEquals("a.frz", named.inFile("b.frz").path)
    }

    @Test
    fun `parts that fail while they are read are named once`(@TempDir folder: File) {
        val failing = object : FrzRuntime<Net> by Fake() {
            override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net =
                throw IOException("input/output error")
        }
        val weights = resource("tiny.frz")
        val thrown = assertThrows(FrzLoadException::class.java) {
            FrzLoader(failing, part("tiny.ptl"), FrzPart.of(weights)).load()
        }
        assertEquals("UNREADABLE: $weights: the weights cannot be read: input/output error", thrown.message)
        val missing = fault(FrzPart.of(File(folder, "missing.ptl"))).message!!
        assertEquals(1, Regex.fromLiteral("missing.ptl").findAll(missing).count(), missing)
    }

    @Test
    fun `unreadable parts are named`() {
        val nothing = FrzPart.of(File("nothing"))
        for (missing in listOf(fault(nothing), fault(part("tiny.ptl"), nothing))) {
            assertEquals(Kind.UNREADABLE, missing.kind)
            assertTrue("nothing" in missing.message!!, missing.message)
        }
        for (failure in listOf(IOException("the line is down"), SocketTimeoutException("no byte for a minute"))) {
            val broken = object : InputStream() {
                override fun read(): Int = throw failure
            }
            val thrown = fault(part("tiny.ptl"), FrzPart.of(broken))
            assertEquals(Kind.UNREADABLE, thrown.kind)
            assertTrue(failure.message!! in thrown.message!!, thrown.message)
        }
    }

    @Test
    fun `a delta file is loaded with its base`() {
        val expected = FrzFile.open(older).use { base ->
            val sum = CRC32()
            FrzFile.open(newer, base = base).use { file ->
                file.forEach { tensor ->
                    val bytes = tensor.buffer
                    sum.update(ByteArray(bytes.remaining()).also(bytes::get))
                }
            }
            sum.value
        }
        val bytes = older.readBytes()
        val stream = Closing(bytes)
        for (base in listOf(FrzPart.of(older), FrzPart.of(bytes), FrzPart.of(stream))) {
            assertEquals(expected, load(options.base(base).tier(0).verify(true).build(), FrzPart.of(newer)).sum)
        }
        assertTrue(stream.isClosed)
        assertEquals(sumOf("tiny.frz"), load(options.base(FrzPart.of(older)).build(), part("tiny.frz")).sum)
    }

    @Test
    fun `a base that is missing or wrong is reported as such`() {
        val bases = mapOf(
            null to "needs",
            part("tiny.frz") to "the base is not the file",
            FrzPart.of(ByteArray(9)) to "the base cannot be used: MAGIC"
        )
        for ((base, problem) in bases) {
            val thrown = assertThrows(FrzException::class.java) { load(options.base(base).build(), FrzPart.of(newer)) }
            assertEquals(ErrorCode.BASE, thrown.code)
            assertTrue(problem in thrown.message!!, thrown.message)
            val named = mapOf("needs" to newer.path, "the base is not the file" to resource("tiny.frz").path)
            assertEquals(named[problem], thrown.path)
        }
        val missing = options.base(FrzPart.of(File("nothing"))).build()
        val thrown = assertThrows(FrzLoadException::class.java) { load(missing, FrzPart.of(newer)) }
        assertEquals(Kind.UNREADABLE, thrown.kind)
        assertTrue("the base cannot be read: nothing" in thrown.message!!, thrown.message)
        val small = options.base(FrzPart.of(older)).memoryBudget(9).build()
        val refused = assertThrows(FrzException::class.java) { load(small, FrzPart.of(newer)) }
        assertEquals(ErrorCode.BUDGET to newer.path, refused.code to refused.path)
    }

    @Test
    fun `a damaged skeleton does not reach the runtime`() {
        val skeleton = sealed(ByteArray(40) { it.toByte() })
        for (size in skeleton.indices) {
            assertEquals(Kind.SKELETON_DAMAGED, fault(FrzPart.of(skeleton.copyOf(size))).kind, "$size")
        }
        for (at in skeleton.indices) {
            val bad = skeleton.clone().also { it[at] = (it[at].toInt() xor 4).toByte() }
            assertEquals(Kind.SKELETON_DAMAGED, fault(FrzPart.of(bad)).kind, "$at")
        }
        val magic = assertThrows(FrzException::class.java) { load(options.build(), FrzPart.of(skeleton)) }
        assertEquals(ErrorCode.MAGIC, magic.code)
        assertEquals(Kind.SKELETON_DAMAGED, fault(part("tiny.frz"), FrzPart.of(skeleton)).kind)
    }

    @Test
    fun `a budget covers the network and the memory to rebuild it`() {
        load(options.memoryBudget(2 * bytes).verify(true).build())
        val refused = assertThrows(FrzException::class.java) { load(options.memoryBudget(2 * bytes - 1).build()) }
        assertEquals(ErrorCode.BUDGET, refused.code)
        val text = "take ${2 * bytes} bytes, but the memory budget is ${2 * bytes - 1}"
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
            assertEquals(bytes, steps.last())
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
    fun `an interrupt while weights are read is a cancellation`() {
        val weights = object : InputStream() {
            override fun read(): Int {
                Thread.currentThread().interrupt()
                throw IOException("the stream was interrupted")
            }
        }
        assertEquals(Kind.CANCELLED, fault(part("tiny.ptl"), FrzPart.of(weights)).kind)
        assertTrue(Thread.interrupted())
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
