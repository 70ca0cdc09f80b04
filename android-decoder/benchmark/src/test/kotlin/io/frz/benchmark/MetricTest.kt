package io.frz.benchmark

import io.frz.benchmark.internal.geometricMean
import io.frz.benchmark.internal.median
import io.frz.benchmark.internal.percentile
import kotlin.math.ln
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test

class MetricTest {
    private fun values(shape: LongArray, vararg elements: Float) = Values(shape, elements)

    @Test
    fun `accuracy counts the inputs whose largest logit is correct`() {
        val output = values(longArrayOf(1, 3), 0f, 2f, 1f)
        assertEquals(1.0, Metric.ACCURACY.score(output, floatArrayOf(1f)))
        assertEquals(0.0, Metric.ACCURACY.score(output, floatArrayOf(2f)))
    }

    @Test
    fun `dice compares the maps of class 1`() {
        // Classes of the four pixels: 1, 1, 0, 0; true: 1, 0, 0, 0.
        val output = values(longArrayOf(1, 2, 2, 2), 0f, 0f, 5f, 5f, 1f, 1f, 1f, 1f)
        assertEquals(2.0 / 3, Metric.DICE.score(output, floatArrayOf(1f, 0f, 0f, 0f)), 1e-12)
        val none = values(longArrayOf(1, 2, 1, 1), 1f, 0f)
        assertEquals(1.0, Metric.DICE.score(none, floatArrayOf(0f)))
    }

    @Test
    fun `psnr is in decibels`() {
        val output = values(longArrayOf(1, 1, 1, 2), 0.6f, 0.4f)
        assertEquals(20.0, Metric.PSNR.score(output, floatArrayOf(0.5f, 0.5f)), 1e-5)
        assertEquals(100.0, Metric.PSNR.score(output, output.elements))
        assertEquals(100.0, Metric.PSNR.score(values(longArrayOf(1), 7f), floatArrayOf(1f))) // clipped to 1
    }

    @Test
    fun `confidence is the greatest probability`() {
        val output = values(longArrayOf(1, 2), 1000f, 1000f - ln(4f)) // probabilities 0.8 and 0.2
        assertEquals(1.0, Metric.CONFIDENCE.score(output, floatArrayOf(0.79f)))
        assertEquals(0.0, Metric.CONFIDENCE.score(output, floatArrayOf(0.81f)))
        assertEquals(0.0, Metric.CONFIDENCE.score(values(longArrayOf(1, 2), Float.NaN, 0f), floatArrayOf(0.1f)))
    }

    @Test
    fun statistics() {
        assertEquals(2.5, median(listOf(4.0, 1.0, 3.0, 2.0)))
        assertEquals(3.0, median(listOf(4.0, 1.0, 3.0)))
        assertEquals(9.0, percentile((1..10).map { it.toDouble() }, 0.9))
        assertEquals(1.0, percentile(listOf(1.0), 0.9))
        assertEquals(2.0, geometricMean(listOf(1.0, 4.0))!!, 1e-12)
        assertNull(geometricMean(emptyList()))
    }
}
