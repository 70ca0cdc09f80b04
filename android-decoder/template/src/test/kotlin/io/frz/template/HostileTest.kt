package io.frz.template

import io.frz.FrzFile
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import java.util.concurrent.TimeUnit
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that templates and weights made to do harm do none. */
class HostileTest : OnSynthetic() {
    /** Returns a template with one place of [count] copies of an element, followed by [digests] digests of it. */
    private fun digesting(count: Long, digests: Long): ByteArray {
        val names = FrzFile.open(weights).use { file -> file.tensors.map { it.name } + file.aliases.keys }
        val others = names - "fc.weight"
        val map = Fields().text("test").text("test").number(4 * count + 64 * digests)
        map.numbers(1).text("fc.weight").numbers(2, 5, 4, 0, 0) // One tensor, and no normalizations.
        map.numbers(1, 0, 1) // One plain value.
        map.numbers(1, 0, 0, 0, 1, count, 0).numbers(digests, 4 * count, 0)
        repeat(digests.toInt() - 1) { map.numbers(0, 0) }
        map.number(0).texts(others)
        return map.bytes.toByteArray().let { template(it, it.size) }
    }

    @Test
    fun `many digests of a large place take little time`() {
        val (count, digests) = 1L shl 20 to 2000L
        val threads = ManagementFactory.getThreadMXBean()
        val begun = threads.currentThreadCpuTime
        val filled = content(fill(digesting(count, digests), weights))
        val seconds = TimeUnit.NANOSECONDS.toSeconds(threads.currentThreadCpuTime - begun)
        assertTrue(seconds <= 5, "$seconds s of processor time")
        val end = 4 * count.toInt()
        val sha256 = MessageDigest.getInstance("SHA-256").digest(filled.copyOf(end))
        val expected = sha256.joinToString("") { "%02x".format(it) }.toByteArray()
        for (at in end until filled.size step 64) assertArrayEquals(expected, filled.copyOfRange(at, at + 64))
    }

    /** Returns a template with one small place and [count] products of bases, each of which adds up 2^30 numbers. */
    private fun computing(count: Int): ByteArray {
        val names = FrzFile.open(weights).use { file -> file.tensors.map { it.name } + file.aliases.keys }
        val map = Fields().text("test").text("test").number(4)
        map.numbers(1).text("fc.weight").numbers(2, 5, 4, 0, 0) // One tensor, and no normalizations.
        map.numbers(1L + count, 0, 1)
        repeat(count) { map.numbers(5, 1, 4096, 512, 0, 1, 4096, 512) }
        map.numbers(1, 0, 0, 0, 0, 0, 0).texts(names - "fc.weight")
        return map.bytes.toByteArray().let { template(it, it.size) }
    }

    @Test
    fun `a small template cannot have numbers computed for hours`() {
        val thrown = fault(computing(100_000))
        assertEquals(Kind.SKELETON_DAMAGED, thrown.kind)
        assertTrue(Regex("its values take 10\\d+ steps .* at most 34359738368").containsMatchIn(thrown.message!!))
        val options = FrzLoadOptions.builder().progress { _, _ -> Thread.currentThread().interrupt() }.build()
        val cancelled = assertThrows(FrzLoadException::class.java) { fill(computing(20), weights, options) }
        assertEquals(Kind.CANCELLED, cancelled.kind)
        assertTrue(Thread.interrupted())
    }

    /** Returns intact weights with the same directory as [weights], but other values. */
    private fun otherValues(): ByteArray {
        val end = weights.size - Int.SIZE_BYTES
        val size = FrzFile.open(weights).use { file -> file.groups.single().storedBytes }.toInt()
        val other = weights.clone().also { it[end - size / 2]++ }
        val checksum = CRC32().apply { update(other, end - size, size) }.value.toInt()
        ByteBuffer.wrap(other).order(ByteOrder.LITTLE_ENDIAN).putInt(end, checksum)
        assertFalse(content(fill(template, other)).contentEquals(bytes("synthetic.bin")))
        return other
    }

    @Test
    fun `weights that are overwritten while a file is filled are not kept under another name`(@TempDir folder: File) {
        val other = otherValues()
        val file = File(folder, "weights.frz").apply { writeBytes(weights) }
        val loader = FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(file), File(folder, "cache"))
        val options = FrzLoadOptions.builder().progress { done, _ -> if (done == 0L) file.writeBytes(other) }.build()
        val fault = assertThrows(FrzLoadException::class.java) { loader.load(options) }
        assertEquals(Kind.UNREADABLE, fault.kind)
        assertTrue("the weights were modified while they were read" in fault.message!!, fault.message)
        file.writeBytes(weights)
        assertArrayEquals(bytes("synthetic.bin"), loader.load().readBytes())
    }
}
