package io.frz

import com.github.luben.zstd.Zstd
import io.frz.internal.container.GroupField
import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InterruptedIOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicInteger
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests the sources of files and the resources that they use. */
class SourceTest {
    @TempDir
    lateinit var folder: File

    private val elements = ByteArray(4 shl 20) { (it * 7).toByte() }
    private val bytes = FrzBuilder().plain("w", DType.U8, listOf(elements.size), elements).build()

    private fun file(before: Int = 0, behind: Int = 0) =
        File(folder, "m.frz").apply { writeBytes(ByteArray(before) + bytes + ByteArray(behind)) }

    private fun check(file: FrzFile) {
        val loaded = ByteArray(elements.size)
        file.load("w").buffer.get(loaded)
        assertArrayEquals(elements, loaded)
    }

    @Test
    fun `damage of a base is not blamed on the delta file`(@TempDir folder: File) {
        val vectors = File("../../spec/vectors")
        val copy = File(vectors, "base-files/f3e888adf29ef33f.frz").copyTo(File(folder, "base.frz"))
        FrzFile.open(copy).use { base ->
            FrzFile.open(File(vectors, "valid/delta-steps.frz"), FrzOptions.DEFAULT, base).use { delta ->
                copy.writeBytes(ByteArray(copy.length().toInt()))
                val thrown = assertThrows(FrzException::class.java) { delta.loadAll() }
                assertEquals(ErrorCode.CHECKSUM, thrown.code)
                assertTrue("CHECKSUM: the base cannot be decoded: " in thrown.message!!, thrown.message)
            }
        }
    }

    @Test
    fun `an interrupt of one thread leaves the file open for others`() {
        FrzFile.open(file()).use { file ->
            repeat(100) {
                val begun = CountDownLatch(1)
                val thread = Thread {
                    val target = ByteBuffer.allocateDirect(elements.size)
                    begun.countDown()
                    try {
                        while (true) file.loadInto("w", target.duplicate())
                    } catch (_: java.io.InterruptedIOException) {
                        // The interrupt must end the request in this way.
                    }
                }
                thread.start()
                begun.await()
                Thread.sleep(it % 5L)
                thread.interrupt()
                thread.join()
                if (it % 20 == 0) check(file)
            }
            check(file)
        }
    }

    @Test
    fun `part of a channel is mapped`() {
        val path = file(before = 13, behind = 7)
        val file = RandomAccessFile(path, "r").use { FrzFile.open(it.channel, 13, bytes.size.toLong()) }
        check(file)
        file.verify()
        RandomAccessFile(path, "r").use {
            refused(ErrorCode.TRAILING) { FrzFile.open(it.channel, 13, bytes.size + 7L) }
            refused(ErrorCode.TRUNCATED) { FrzFile.open(it.channel, 13, 20) }
            val most = Long.MAX_VALUE
            val places = listOf(-1L to 5L, 0L to -1L, 14L to bytes.size + 7L, most to 5L, 5L to most)
            for ((offset, length) in places) {
                assertThrows(IllegalArgumentException::class.java) { FrzFile.open(it.channel, offset, length) }
            }
        }
    }

    @Test
    fun `a stream that returns no bytes is not read forever`() {
        val idle = object : ByteArrayInputStream(bytes) {
            override fun read(target: ByteArray, from: Int, count: Int): Int =
                super.read(target, from, minOf(count, available() / 2))
        }
        val thrown = assertThrows(IOException::class.java) { FrzFile.open(idle) }
        assertTrue("returned no bytes" in thrown.message!!, thrown.message)
    }

    @Test
    fun `read-only memory is refused`() {
        val file = FrzFile.open(bytes)
        val readOnly = ByteBuffer.allocate(elements.size).asReadOnlyBuffer()
        val thrown = assertThrows(IllegalArgumentException::class.java) { file.loadInto("w", readOnly) }
        assertTrue("read-only" in thrown.message!!)
        assertThrows(IllegalArgumentException::class.java) { file.forEach({ readOnly.duplicate() }) { } }
    }

    @Test
    fun `tensors are rebuilt in mapped files, outside the heap`() {
        val path = File(folder, "memory")
        RandomAccessFile(path, "rw").use { memory ->
            val mapped = memory.channel.map(java.nio.channels.FileChannel.MapMode.READ_WRITE, 0, elements.size.toLong())
            FrzFile.open(bytes).loadInto("w", mapped)
            mapped.force()
        }
        assertArrayEquals(elements, path.readBytes())
    }

    @Test
    fun `helpers come from the app's executor if it has free threads`() {
        val dense = FrzBuilder().spectrum("w", listOf(1500, 1500), FloatArray(5000) { 1f / (it + 1) }).build()
        val expected = FrzFile.open(dense).load("w").floats()
        val pool = Executors.newFixedThreadPool(2)
        val asked = AtomicInteger()
        val executors = listOf(
            Executor { asked.incrementAndGet().also { _ -> pool.execute(it) } },
            Executor { asked.incrementAndGet() },
            Executor { throw RejectedExecutionException("${asked.incrementAndGet()}") },
            Executor { error("closed for today: ${asked.incrementAndGet()}") },
            Executor { asked.incrementAndGet().also { _ -> it.run() } }
        )
        for (executor in executors) {
            asked.set(0)
            val options = FrzOptions.builder().threads(3).helpers(executor).build()
            assertEquals(executor, options.newBuilder().build().helpers)
            assertArrayEquals(expected, FrzFile.open(dense, options).load("w").floats())
            assertTrue(asked.get() > 0)
        }
        pool.shutdown()
    }

    @Test
    fun `refused frames do not leak memory`() {
        val status = File("/proc/self/status")
        assumeTrue(status.exists()) { "not run: memory is measured on Linux" }
        fun residentBytes() = status.readLines().first { it.startsWith("VmRSS") }.filter(Char::isDigit).toLong() shl 10

        val stored = Zstd.compress(ByteArray(100)).also { it[4] = (it[4].toInt() or 1).toByte() }
        val coder = GroupField.CODER to Coder.ZSTD.id
        val file = FrzFile.open(FrzBuilder().plain("w", DType.U8, listOf(100), stored, coder).build())
        fun refuse(times: Int) = repeat(times) { refused(ErrorCode.STREAM) { file.verify() } }
        refuse(2_000)
        val before = residentBytes()
        refuse(20_000)
        val growth = residentBytes() - before
        assertTrue(growth < 100L shl 20, "$growth bytes")
    }

    /** Returns a file in which [count] tensors are stored in one group. */
    private fun together(count: Int, size: Int, element: (Int) -> Byte = { (it / size).toByte() }): ByteArray {
        val fields = mapOf(
            GroupField.DTYPE to DType.U8.id,
            GroupField.NAMES to List(count) { listOf(0, "$it") }.flatten(),
            GroupField.SHAPES to List(count) { listOf(size) },
            GroupField.CODER to Coder.NONE.id
        )
        return FrzBuilder().group(fields, ByteArray(count * size, element)).build()
    }

    @Test
    fun `tensors that are stored together are read only once`() {
        for ((count, size) in listOf(200 to 1000, 20 to (1 shl 20))) {
            val bytes = together(count, size)
            val file = FrzFile.open(bytes)
            file.load("0")
            // The damaged byte is in the last tensor and is not read again: small groups are cached, and large groups
            // are read only as far as needed.
            bytes[bytes.size - 5]++
            for (i in 0 until count - 1) assertEquals(i.toByte(), file.load("$i").buffer.get(size - 1))
            refused(ErrorCode.CHECKSUM) { FrzFile.open(bytes).load("0") }
        }
    }

    @Test
    fun `a file that was modified while open is checked again`() {
        val bytes = together(20, 1 shl 20)
        val path = File(folder, "together.frz").apply { writeBytes(bytes) }
        FrzFile.open(path).use { file ->
            file.load("0")
            RandomAccessFile(path, "rw").use {
                it.seek(bytes.size - 5L)
                it.write(99)
            }
            path.setLastModified(path.lastModified() + 1000)
            refused(ErrorCode.CHECKSUM) { file.load("0") }
        }
    }

    @Test
    fun `a file that is overwritten while it is read is not decoded`() {
        val (one, other) = listOf(1, 2).map { seed -> together(20, 1 shl 20) { (it * seed).toByte() } }
        val path = File(folder, "overwritten.frz")
        for (age in listOf(0L, 1L shl 20)) {
            path.writeBytes(one)
            path.setLastModified(path.lastModified() - age)
            FrzFile.open(path).use { file ->
                refused(ErrorCode.CHECKSUM) {
                    forEach(file) { RandomAccessFile(path, "rw").use { it.write(other) } }
                }
                forEach(file) { }
            }
        }
        FrzFile.open(path).use { file ->
            forEach(file) { assertTrue(File(folder, "new.frz").apply { writeBytes(one) }.renameTo(path)) }
        }
    }

    @Test
    fun `a file that is overwritten twice while it is read is not decoded`() {
        val (one, other) = listOf(1, 2).map { seed -> together(20, 1 shl 20) { (it * seed).toByte() } }
        val path = File(folder, "twice.frz").apply { writeBytes(one) }
        fun write(bytes: ByteArray) = RandomAccessFile(path, "rw").use { it.write(bytes) }
        FrzFile.open(path).use { file ->
            refused(ErrorCode.CHECKSUM) { forEach(file, last = { write(one) }) { write(other) } }
            forEach(file) { }
        }
    }

    @Test
    fun `a file that grows or shrinks while it is open is not decoded incorrectly`() {
        val bytes = together(20, 1 shl 20)
        val path = File(folder, "size.frz").apply { writeBytes(bytes) }
        FrzFile.open(path).use { file ->
            RandomAccessFile(path, "rw").use { it.setLength(bytes.size / 2L) }
            refused(ErrorCode.TRUNCATED) { file.load("0") }
            path.writeBytes(bytes + bytes)
            for (i in 0 until 20) assertEquals(i.toByte(), file.load("$i").buffer.get(0))
            refused(ErrorCode.TRUNCATED) {
                forEach(file) { RandomAccessFile(path, "rw").use { it.setLength(bytes.size / 2L) } }
            }
        }
    }

    /**
     * Visits all tensors of [file], calls [first] after the only segment has been verified, and [last] before the last
     * tensor is read.
     */
    private fun forEach(file: FrzFile, last: () -> Unit = {}, first: () -> Unit) {
        val room = ByteBuffer.allocate(1 shl 20)
        file.forEach({ info ->
            if (info.name == "0") first()
            if (info.name == "19") last()
            room
        }) { }
    }

    @Test
    fun `opening a channel on an interrupted thread leaves the channel open`() {
        file().inputStream().channel.use { channel ->
            Thread.currentThread().interrupt()
            assertThrows(InterruptedIOException::class.java) { FrzFile.open(channel, 0, bytes.size.toLong()) }
            assertTrue(Thread.interrupted())
            FrzFile.open(channel, 0, bytes.size.toLong()).use(::check)
        }
    }
}
