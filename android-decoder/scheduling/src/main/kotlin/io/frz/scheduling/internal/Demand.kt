package io.frz.scheduling.internal

import io.frz.scheduling.App
import kotlin.math.sqrt

/**
 * What an application asks of the device at one tier. Each number is computed in the one way that the specification
 * gives, so that all implementations have the same bits.
 *
 * @property tier index of the tier
 * @property shortfall the accuracy that is missing from the goal; negative where there is more
 * @property seconds of an inference on the whole device
 * @property memory bytes
 */
internal class Demand(app: App, val tier: Int, val shortfall: Double, val seconds: Double, val memory: Long) {
    private val alpha = app.alpha
    private val latency = app.latency

    /** What a second more than none would cost. */
    val patience = alpha * latency

    /** The share from which on the latency goal is met; may exceed 1. */
    val enough = seconds / latency

    /** By which 1/share is priced. */
    val weight = alpha * seconds

    /** Shares of late applications are in its proportion. */
    val root = sqrt(weight)

    /** The cost at a share above 0. */
    fun cost(share: Double): Double =
        if (share >= enough) shortfall else shortfall + alpha * maxOf(0.0, seconds / share - latency)

    /** The least share at which the cost is at most [cost]; [enough] if there is none. */
    fun shareFor(cost: Double): Double =
        if (cost <= shortfall) enough else minOf(enough, weight / (patience + (cost - shortfall)))
}

/** The sum of [term] for 0 to [count] − 1, added in that order. */
internal inline fun total(count: Int, term: (Int) -> Double): Double {
    var sum = 0.0
    for (i in 0 until count) sum += term(i)
    return sum
}
