package io.frz

import com.sun.management.ThreadMXBean
import java.io.File
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that rebuilding allocates little on the heap: no objects for elements, and no copies of bases. */
class AllocationTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean

    private fun allocated() = threads.getThreadAllocatedBytes(Thread.currentThread().id)

    /** Rebuilds all tensors of a file twice, and returns the bytes that the second pass allocates on the heap. */
    private fun garbage(bytes: ByteArray): Long {
        var garbage = 0L
        val largest = FrzFile.open(bytes).use { file -> file.tensors.maxOf { it.bytes } }
        val memory = ByteBuffer.allocateDirect(largest.toInt())
        repeat(2) {
            FrzFile.open(bytes).use { file ->
                val before = allocated()
                file.forEach(TensorMemory { memory.apply { clear() } }) { }
                garbage = allocated() - before
            }
        }
        return garbage
    }

    @Test
    fun `long axes need no second basis`() {
        val length = 1 shl 21
        for (shape in listOf(listOf(length), listOf(1, length), listOf(length, 1), listOf(2, 3, length / 4))) {
            for (kept in listOf(1, 3, 6, 33)) {
                val coefficients = FloatArray(kept) { 1f / (it + 1) }
                val garbage = garbage(FrzBuilder().spectrum("w", shape, coefficients).build())
                assertTrue(garbage < length) { "$shape, $kept coefficients: $garbage bytes" }
            }
        }
    }

    @Test
    fun `values are not boxed`() {
        val bytes = Realistic.file()
        val elements = FrzFile.open(bytes).use { file -> file.tensors.sumOf { it.elements } }
        val garbage = garbage(bytes)
        // Cores and a pseudo-random basis take up to eight bytes per element; an object takes sixteen or more.
        assertTrue(garbage < 8 * elements) { "$garbage bytes for $elements elements" }
        val coded = File("../../examples/srcnn-dense.frz").readBytes()
        val tensors = FrzFile.open(coded).use { file -> file.tensors.size }
        assertTrue(garbage(coded) < 100_000L * tensors) { "${garbage(coded)} bytes for $tensors tensors" }
    }
}
