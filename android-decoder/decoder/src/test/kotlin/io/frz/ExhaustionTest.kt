package io.frz

import io.frz.testing.runOnSmallHeap
import java.io.File
import java.nio.ByteBuffer
import java.util.Random
import java.util.TreeMap
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests requests that exhaust the heap. */
class ExhaustionTest {
    @Test
    fun `a nearly full heap causes only errors of the format, and never wrong weights`() {
        for (threads in listOf("1", "4")) {
            val outcomes = runOnSmallHeap(NearlyFullHeap::class.java, 32, threads, flags = emptyList()).trim()
            val counts = Regex("(\\w+)=(\\d+)").findAll(outcomes).associate { it.groupValues[1] to it.groupValues[2] }
            assertEquals(setOf("BUDGET", "right"), counts.keys, outcomes)
            assertEquals(120, counts.values.sumOf { it.toInt() })
        }
    }

    @Test
    fun `values of a base are not kept beyond a request, unless they are few`() {
        fun bytes(name: String) = javaClass.getResourceAsStream("/$name")!!.use { it.readBytes() }
        val decoded = 4L * 100 * 100 * 100
        val options = FrzOptions.builder().memoryBudget(2 * decoded).build()
        FrzFile.open(bytes("base.frz")).use { base ->
            FrzFile.open(bytes("delta.frz"), options, base).use { delta ->
                assertEquals(2f, delta.load("w0").buffer.getFloat(0), 0.01f)
                val before = settledHeap()
                delta.forEach { }
                assertTrue(settledHeap() - before < decoded / 4)
            }
        }
    }

    /** Returns the size of all reachable objects on the heap. */
    @Suppress("ExplicitGarbageCollectionCall")
    private fun settledHeap(): Long {
        System.gc()
        return Runtime.getRuntime().run { totalMemory() - freeMemory() }
    }

    @Test
    fun `exceptions of the caller's own code are passed through unchanged`(@TempDir folder: File) {
        val path = File(folder, "m.frz")
        path.writeBytes(FrzBuilder().spectrum("w", listOf(4), floatArrayOf(1f)).build())
        FrzFile.open(path).use { file ->
            for (failure in listOf(OutOfMemoryError("of the visitor"), IllegalStateException("of the visitor"))) {
                val visited = assertThrows(failure.javaClass) { file.forEach { throw failure } }
                assertEquals("of the visitor", visited.message)
                val asked = assertThrows(failure.javaClass) { file.forEach({ throw failure }) { } }
                assertEquals("of the visitor", asked.message)
            }
            file.forEach { }
        }
    }
}

/** Repeatedly loads a tensor on a nearly full heap and counts the outcomes. */
object NearlyFullHeap {
    private const val ROUNDS = 120
    private val side = 1024
    private val target = ByteBuffer.allocateDirect(4 * side * side)

    @JvmStatic
    fun main(arguments: Array<String>) {
        val random = Random(1)
        val coefficients = FloatArray(3000) { random.nextGaussian().toFloat() }
        val bytes = FrzBuilder().spectrum("w", listOf(side, side), coefficients).build()
        val options = FrzOptions.builder().threads(arguments[0].toInt()).memoryBudget(64L shl 20).build()
        val file = FrzFile.open(bytes, options)
        file.loadInto("w", target)
        val right = checksum()
        val outcomes = TreeMap<String, Int>()
        for (round in 0 until ROUNDS) outcomes.merge(outcome(file, right, round), 1, Int::plus)
        println(outcomes)
    }

    private fun outcome(file: FrzFile, right: Long, free: Int): String {
        while (target.hasRemaining()) target.put(0)
        target.clear()
        val hog = full()
        repeat(minOf(free, hog.size)) { hog.removeAt(hog.size - 1) }
        return try {
            file.loadInto("w", target)
            if (checksum() == right) "right" else "wrong"
        } catch (e: FrzException) {
            e.code.name
        } catch (e: Throwable) {
            e.javaClass.simpleName
        } finally {
            hog.clear()
        }
    }

    private fun full(): ArrayList<ByteArray> {
        val hog = ArrayList<ByteArray>(1 shl 12)
        try {
            while (true) hog.add(ByteArray(1 shl 14))
        } catch (_: OutOfMemoryError) {
            return hog
        }
    }

    private fun checksum(): Long {
        target.flip()
        val checksum = CRC32().apply { update(target.duplicate()) }.value
        target.clear()
        return checksum
    }
}
