package io.frz.loading

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.Fake.Companion.NEWER
import io.frz.loading.Fake.Companion.fault
import io.frz.loading.Fake.Companion.load
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
import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests loading from sources of all kinds, with the fake runtime. */
class FrzPartTest {
    private val options = FrzLoadOptions.builder()

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
        val thrown = assertThrows(FrzLoadException::class.java) { load(base, FrzPart.of(NEWER)) }
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
    fun `a section can be loaded again after an interrupt`() {
        val whole = { name: String -> resource(name).inputStream().channel.let { FrzPart.of(it, 0, it.size()) } }
        val interrupted = object : InputStream() {
            override fun read(): Int = -1.also { Thread.currentThread().interrupt() }
        }
        val (skeleton, weights) = listOf(whole("tiny.ptl"), whole("tiny.frz"))
        val bytes = SequenceInputStream(resource("tiny.ptl").inputStream(), interrupted)
        assertEquals(Kind.CANCELLED, fault(FrzPart.of(bytes), weights).kind)
        assertEquals(Kind.CANCELLED, fault(skeleton, weights).kind)
        assertTrue(Thread.interrupted())
        assertEquals(sumOf("tiny.frz"), loader(skeleton, weights).load().sum)
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
}
