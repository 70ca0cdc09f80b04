package io.frz.internal

import io.frz.internal.products.CosineSteps
import io.frz.internal.products.CosineSums
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class CosineSumsTest {
    private val random = Random(7)
    private val request = Request(Lifetime())

    private fun sum(values: DoubleArray, i: Int): Double {
        val n = values.size.toLong()
        return values.indices.sumOf { k -> values[k] * Math.cos(Math.PI * ((2L * i + 1) * k % (4 * n)) / (2.0 * n)) }
    }

    @Test
    fun `sums of quick lengths are as defined`() {
        val small = listOf(1, 2, 3, 7, 8, 9, 16, 24, 30, 31, 40, 49, 61, 62, 63)
        for (length in small + listOf(126, 243, 250, 320, 858, 1000, 1024)) {
            assertTrue(CosineSteps.isQuick(length))
            val lines = Array(5) { DoubleArray(length) { random.nextGaussian() } }
            val rows = Array(length) { k -> DoubleArray(5) { lines[it][k] } }
            val sums = CosineSums(CosineSteps(length, request), 5, request)
            sums.transform(rows)
            val largest = rows.maxOf { row -> row.maxOf(Math::abs) }
            for (i in 0 until length) {
                for (l in 0 until 5) assertEquals(sum(lines[l], i), rows[i][l], 1e-11 * largest, "$length")
            }
        }
    }

    @Test
    fun `rounding errors of long sums stay small`() {
        val length = 1 shl 16
        val line = DoubleArray(length) { random.nextGaussian() }
        val rows = Array(length) { doubleArrayOf(line[it]) }
        CosineSums(CosineSteps(length, request), 1, request).transform(rows)
        val largest = rows.maxOf { Math.abs(it[0]) }
        val points = listOf(0, 1, length / 2 - 1, length / 2, length - 1) + List(100) { random.nextInt(length) }
        for (i in points) assertEquals(sum(line, i), rows[i][0], 1e-11 * largest, "$i")
    }

    @Test
    fun `quick lengths are found for any other`() {
        for (least in listOf(1L, 130L, 5000L, 1_000_003L, Int.MAX_VALUE.toLong())) {
            val length = CosineSteps.quickLength(least)
            assertTrue(
                length >= least && (length <= 64 || length < least * 3 / 2) && length % 64 == 0L,
                "$least: $length"
            )
        }
        assertFalse(CosineSteps.isQuick(74) || CosineSteps.isQuick(4099))
    }
}
