package io.frz.benchmark.internal

import java.io.InterruptedIOException
import kotlin.math.ceil
import kotlin.math.exp
import kotlin.math.ln

/** Returns the smallest value that at least [share] of all values do not exceed. */
internal fun percentile(values: List<Double>, share: Double): Double =
    values.sorted()[maxOf(0, ceil(share * values.size).toInt() - 1)]

/** Returns the median; for an even number of values, the mean of the middle two. */
internal fun median(values: List<Double>): Double {
    val sorted = values.sorted()
    return (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
}

/** Returns the geometric mean of positive values, or null if there are none. */
internal fun geometricMean(values: List<Double>): Double? =
    if (values.isEmpty()) null else exp(values.sumOf { ln(it) } / values.size)

/** Returns the milliseconds since [start], a value of [System.nanoTime]. */
internal fun since(start: Long): Double = (System.nanoTime() - start) / 1e6

/** Returns the first line of an error's message, or the name of its class if it has no message. */
internal fun oneLine(e: Throwable): String =
    e.message.orEmpty().lineSequence().first().take(LONGEST).ifBlank { e.javaClass.simpleName }

/** Throws if the thread was interrupted. */
@Throws(InterruptedIOException::class)
internal fun checkInterrupted() {
    if (Thread.interrupted()) throw InterruptedIOException(INTERRUPTED)
}

internal const val INTERRUPTED = "the suite was interrupted"

private const val LONGEST = 500
