package io.frz

import com.github.luben.zstd.Zstd
import com.sun.management.ThreadMXBean
import io.frz.FrzBuilder.Companion.floats
import io.frz.internal.Lifetime
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.bases.Basis
import io.frz.internal.container.DirectoryField.TIERS
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.CORNERS
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.FACTORS
import io.frz.internal.container.GroupField.FORMAT
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.SHAPES
import io.frz.internal.rebuild.Axis
import io.frz.internal.rebuild.Contraction
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that the memory budget covers everything that a request holds at the same time. */
class BudgetTest {
    private val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean

    private fun opened(bytes: ByteArray, budget: Long) =
        FrzFile.open(bytes, FrzOptions.builder().memoryBudget(budget).build())

    /** Returns a group of [COUNT] spectra of [SIDE] × [SIDE] coefficients each, with [extra] fields. */
    private fun spectra(vararg extra: Pair<Any, Any?>): Map<Any, Any?> = mapOf<Any, Any?>(
        DTYPE to DType.F32.id,
        NAMES to List(COUNT) { listOf(0, "w%02d".format(it)) }.flatten(),
        SHAPES to List(COUNT) { listOf(SIDE, SIDE) },
        BASES to FrzBuilder.DCT
    ) + extra

    /** Returns a file with one of the spectra. */
    private fun single() = FrzBuilder().spectrum("w", listOf(SIDE, SIDE), FloatArray(VALUES) { 1f }).build()

    /** Returns the least budget with which all tensors of a file can be rebuilt one after the other. */
    private fun least(bytes: ByteArray): Long {
        var refused = 0L
        var least = 1L shl 30
        while (least - refused > 1) {
            val budget = (refused + least) / 2
            try {
                opened(bytes, budget).use { file -> file.forEach { } }
                least = budget
            } catch (e: FrzException) {
                assertEquals(ErrorCode.BUDGET, e.code)
                refused = budget
            }
        }
        return least
    }

    @Test
    fun `cores of a group count while its tensors are rebuilt`() {
        val kept = listOf(List(COUNT) { 1 }, List(COUNT) { VALUES })
        val group = spectra(CODER to Coder.NONE.id, KEPT to kept)
        val bytes = FrzBuilder().with(TIERS, 2)
            .group(group, floats(*FloatArray(COUNT) { 1f }), floats(*FloatArray(COUNT * (VALUES - 1)) { 1f })).build()
        val others = 4L * (COUNT - 1) * VALUES
        assertEquals(least(single()) + others, least(bytes))
    }

    @Test
    fun `decoders count while tensors are rebuilt`() {
        val group = spectra(CODER to Coder.ZSTD.id, KEPT to listOf(List(COUNT) { VALUES }))
        val bytes = FrzBuilder().group(group, Zstd.compress(floats(*FloatArray(COUNT * VALUES) { 1f }))).build()
        val window = 4L * COUNT * VALUES
        assertEquals(least(single()) + window, least(bytes))
    }

    @Test
    fun `coefficients count while factors are read`() {
        val factor = mapOf(DTYPE to DType.F32.id, SHAPES to listOf(listOf(SIDE, SIDE)), CODER to Coder.NONE.id)
        val fields = FrzBuilder.tensor("w", DType.F32, listOf(SIDE)) + mapOf(
            BASES to listOf(BasisKind.STORED.id),
            CORNERS to listOf(listOf(listOf(SIDE / 2))),
            FORMAT to DType.F32.id,
            FACTORS to listOf(listOf(0))
        )
        val bytes = FrzBuilder().group(factor, floats(*FloatArray(VALUES) { 1f }))
            .group(fields, floats(*FloatArray(SIDE / 2) { 1f })).build()
        val needed = 4L * (SIDE / 2 + VALUES / 2) + 2 * 4L * VALUES
        refused(ErrorCode.BUDGET) { opened(bytes, needed - 1).coefficients("w") }
        val values = opened(bytes, needed).coefficients("w").floats()
        assertEquals(List(SIDE / 2 + VALUES / 2) { 1f }, values.toList())
    }

    @Test
    fun `declared working memory covers the arrays of all steps`() {
        val cases = listOf(
            stored(60, 60, 60),
            stored(60, 60),
            stored(30, 16, 16, 16),
            listOf(Axis(8, 8, null)) + stored(20, 20, 20),
            stored(40, 40) + Axis(45, 40, null)
        )
        for (axes in cases) {
            val size = axes.fold(1) { product, axis -> product * axis.length }
            val core = FloatArray(axes.fold(1) { product, axis -> product * axis.terms }) { 1f / (it + 1) }
            val target = ByteBuffer.allocateDirect(4 * size)
            var declared = 0L
            val garbage = List(2) {
                val contraction = Contraction(axes, DType.F32, null, Workers(1))
                declared = contraction.workingBytes
                val before = allocated()
                contraction.into(core, target, Request(Lifetime()))
                allocated() - before
            }.last()
            // Each step has small buffers of its own; short-lived objects take less than a byte per value.
            assertTrue(garbage <= declared + 2 * size + SLACK) {
                "${axes.map { it.terms }}: $garbage bytes allocated, $declared declared"
            }
        }
    }

    private fun allocated() = threads.getThreadAllocatedBytes(Thread.currentThread().id)

    private fun stored(vararg terms: Int) = terms.map { Axis(it + it / 8, it, Sines(it + it / 8)) }

    /** A basis without a fast transform. */
    private class Sines(override val length: Int) : Basis {
        override fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int) {
            for (k in 0 until count) out[to + k] = Math.sin((k + 1.0) * (point + 1))
        }

        override fun function(k: Int, first: Int, count: Int, out: DoubleArray) {
            for (i in 0 until count) out[i] = Math.sin((k + 1.0) * (first + i + 1))
        }

        override fun bound(k: Int): Double = 1.0
    }

    private companion object {
        const val COUNT = 16
        const val SIDE = 64
        const val VALUES = SIDE * SIDE
        const val SLACK = 96 shl 10
    }
}
