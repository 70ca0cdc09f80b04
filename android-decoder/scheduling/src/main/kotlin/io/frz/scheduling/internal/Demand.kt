package io.frz.scheduling.internal

import io.frz.scheduling.App
import kotlin.math.sqrt

/**
 * What an application demands of the device at one tier. Each number is computed exactly as the specification
 * prescribes, so that all implementations agree bit for bit.
 *
 * @property tier index of the tier
 * @property shortfall how far accuracy is below the goal; negative if it is above
 * @property seconds the time of an inference on the whole device
 * @property memory the memory in bytes
 */
internal class Demand(app: App, val tier: Int, val shortfall: Double, val seconds: Double, val memory: Long) {
    private val alpha = app.alpha
    private val latency = app.latency

    /** How much the latency goal takes off the cost. */
    val patience = alpha * latency

    /** The share from which on the latency goal is met; may exceed 1. */
    val enough = seconds / latency

    /** The factor of 1/share in the cost. */
    val weight = alpha * seconds

    /** Shares of late applications are proportional to this. */
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
