package io.frz

import io.frz.internal.Lifetime
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.bases.Cosines
import io.frz.internal.container.GroupField
import io.frz.internal.rebuild.Axis
import io.frz.internal.rebuild.Contraction
import io.frz.internal.rebuild.spectrum
import io.frz.internal.zigzag.Box
import java.io.ByteArrayOutputStream
import java.io.InterruptedIOException
import java.nio.ByteBuffer
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicReference
import java.util.zip.Deflater
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that any request ends soon after its thread is interrupted or its file is closed. */
class CancellationTest {
    private fun plain(
        coder: Coder,
        dtype: DType,
        stored: ByteArray,
        count: Long,
        vararg extra: Pair<Any, Any?>
    ): ByteArray {
        val axes = listOf((count shr 20).toInt(), 1 shl 20)
        return FrzBuilder().plain("w", dtype, axes, stored, GroupField.CODER to coder.id, *extra).build()
    }

    /** Returns a Zstandard frame of [blocks] blocks, each of which repeats one byte. */
    private fun zstd(blocks: Int): ByteArray {
        val out = ByteBuffer.allocate(6 + 4 * blocks)
        out.putInt(0x28B52FFD).put(0).put((13 shl 3).toByte())
        val size = 1 shl 17
        repeat(blocks) {
            val header = (size shl 3) or 2 or (if (it == blocks - 1) 1 else 0)
            out.put(header.toByte()).put((header shr 8).toByte()).put((header shr 16).toByte()).put(0)
        }
        return out.array()
    }

    private fun deflate(parts: Int): ByteArray {
        val deflater = Deflater(9, true).apply { setInput(ByteArray(1 shl 20)) }
        val part = ByteArray(1 shl 16)
        val size = deflater.deflate(part, 0, part.size, Deflater.SYNC_FLUSH)
        deflater.end()
        return ByteArrayOutputStream().also { out -> repeat(parts) { out.write(part, 0, size) } }.toByteArray()
    }

    /** Returns [lanes] lanes of the static coder with 2¹⁴ zeros each. */
    private fun static(lanes: Int): ByteArray {
        val head = byteArrayOf(14, 0, 0, 1, 1, 3, 0xAF.toByte(), 0x99.toByte(), 0xE0.toByte())
        val counts = ByteArray(2 * lanes) { (1 - it % 2).toByte() }
        val words = ByteArray(4 * lanes) { if (it % 4 == 0) 1 else 0 }
        return head + counts + words
    }

    /** Small files that take several seconds to many minutes to decode. */
    private val endless = mapOf(
        "zstd" to plain(Coder.ZSTD, DType.U8, zstd(1 shl 20), 1L shl 37),
        "deflate" to plain(Coder.DEFLATE, DType.U8, deflate(20_000), 20_000L shl 20),
        "adaptive" to plain(Coder.ADAPTIVE, DType.F32, ByteArray(1 shl 21), 1L shl 31, STEP),
        "static" to plain(Coder.STATIC, DType.F32, static(1 shl 20), 1L shl 34, STEP)
    )

    /**
     * Runs [work] in a thread, calls [end] with that thread after the work has started, and returns what [work] throws.
     */
    private fun outcome(work: () -> Unit, end: (Thread) -> Unit): Throwable? {
        val thrown = AtomicReference<Throwable>()
        val begun = CountDownLatch(1)
        val thread = Thread {
            begun.countDown()
            try {
                work()
            } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
                thrown.set(e)
            }
        }
        thread.start()
        begun.await()
        Thread.sleep(100)
        end(thread)
        thread.join(10_000)
        assertFalse(thread.isAlive, "the request continues")
        return thrown.get()
    }

    @Test
    fun `an interrupt ends long requests`() {
        for ((what, bytes) in endless) {
            val file = FrzFile.open(bytes)
            val thrown = outcome({ file.verify() }) { it.interrupt() }
            assertTrue(thrown is InterruptedIOException, "$what: $thrown")
        }
    }

    @Test
    fun `closing the file ends long requests`() {
        for ((what, bytes) in endless) {
            val file = FrzFile.open(bytes)
            val thrown = outcome({ file.verify() }) { file.close() }
            assertTrue(thrown is IllegalStateException && thrown.message == "closed", "$what: $thrown")
        }
    }

    @Test
    fun `every method of rebuilding regularly checks whether to continue`() {
        val inputs = listOf(
            listOf(1 shl 21) to (1 shl 21),
            listOf(3_000_001) to 1_000_000,
            listOf(3_000_001) to 60,
            listOf(2, 1_500_000) to 500,
            listOf(2_000_000, 3) to 20,
            listOf(1200, 1100) to 1200 * 1100,
            listOf(1200, 1100) to 5,
            listOf(300, 300, 3, 3) to 810_000,
            listOf(70_000, 9) to 500
        )
        for ((shape, kept) in inputs) {
            val axes = LongArray(shape.size) { shape[it].toLong() }
            val elements = shape.fold(1, Int::times)
            val target = ByteBuffer.allocateDirect(4 * elements)
            fun rebuild(lifetime: Lifetime) = rebuild(axes, kept, target, Request(lifetime))
            val asked = Counting(Int.MAX_VALUE).also(::rebuild).count
            assertTrue(asked >= elements / (1 shl 18), "$shape, $kept: $asked checks")
            for (last in listOf(1, asked / 2, asked)) {
                val counting = Counting(last)
                assertThrows(IllegalStateException::class.java) { rebuild(counting) }
                assertEquals(last, counting.count, "$shape, $kept: it continued")
            }
        }
    }

    private fun rebuild(shape: LongArray, kept: Int, target: ByteBuffer, request: Request) {
        val box = Box(shape).of(kept)
        val axes = shape.indices.map { Axis(shape[it].toInt(), box[it].toInt(), Cosines(shape[it].toInt())) }
        val core = spectrum(shape, box, FloatArray(kept) { 1f }, request)
        Contraction(axes, DType.F32, "w", Workers(1)).into(core, target, request)
    }

    /** Counts the checks of whether the file is open. Check number [last] and all later ones find it closed. */
    private class Counting(private val last: Int) : Lifetime() {
        var count = 0

        override fun requireOpen() {
            count++
            check(count < last) { "closed" }
        }
    }

    private companion object {
        val STEP = GroupField.STEPS to listOf(0)
    }
}
