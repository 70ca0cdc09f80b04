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
    fun `sums of fast lengths match their definition`() {
        val odd = listOf(1, 3, 7, 9, 31, 49, 61, 63, 243)
        val even = listOf(2, 8, 16, 24, 30, 40, 62, 126, 250, 320, 858, 1000, 1024)
        for (length in odd + even) {
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
    fun `a fast length is found for every length`() {
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
