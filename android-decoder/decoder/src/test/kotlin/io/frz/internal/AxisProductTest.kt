package io.frz.internal

import com.sun.management.ThreadMXBean
import io.frz.DType
import io.frz.internal.bases.Cosines
import io.frz.internal.products.ArrayDestination
import io.frz.internal.products.AxisProduct
import io.frz.internal.products.Destination
import io.frz.internal.products.MemoryDestination
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that the working memory that steps declare, which counts toward the budget, is what they allocate. */
class AxisProductTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
    private val request = Request(Lifetime())
    private val workers = Workers(1)

    private fun allocated() = threads.getThreadAllocatedBytes(Thread.currentThread().id)

    private fun garbage(product: AxisProduct, target: Destination): Long {
        val source = DoubleArray(product.outer * product.terms * product.inner) { 1.0 / (it + 1) }
        var garbage = 0L
        repeat(2) {
            val before = allocated()
            product.multiply(source, target, workers, request)
            garbage = allocated() - before
        }
        return garbage
    }

    @Test
    fun `declared working memory covers allocations`() {
        val shapes = buildList {
            for (terms in listOf(1, 5, 33, 64, 65, 300)) {
                for (length in listOf(7, 64, 513, 8192, 8209)) {
                    for ((outer, inner) in listOf(1 to 1, 2 to 3, 40 to 1, 1 to 40, 6 to 100)) {
                        if (terms <= length) add(AxisProduct(outer, terms, Cosines(length), inner))
                    }
                }
            }
        }
        for (product in shapes) {
            val size = product.lines * product.length
            val targets = listOf(
                ArrayDestination(DoubleArray(size)),
                MemoryDestination(DType.F32, ByteBuffer.allocateDirect(4 * size), isFloat = false)
            )
            for (target in targets) {
                val garbage = garbage(product, target)
                val declared = product.workingBytes(1)
                assertTrue(garbage <= declared + size + SLACK) {
                    "${product.outer} × ${product.terms} of ${product.length} × ${product.inner}: " +
                        "$garbage bytes allocated, $declared declared"
                }
            }
        }
    }

    private companion object {
        /** A few lines of at most 1,024 values. Short-lived objects take less than a byte per value. */
        const val SLACK = 48 shl 10
    }
}
