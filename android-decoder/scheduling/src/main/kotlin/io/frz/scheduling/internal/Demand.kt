package io.frz.scheduling.internal

import io.frz.scheduling.App
import kotlin.math.sqrt

/**
 * The demand of an application on the device at one tier. Each number is computed exactly as the specification
 * prescribes, so that the results of all implementations are bit-identical.
 *
 * @property tier the index of the tier
 * @property shortfall the accuracy goal minus the accuracy; negative if the goal is exceeded
 * @property seconds the time of one inference on the whole device
 * @property memory the memory in bytes
 */
internal class Demand(app: App, val tier: Int, val shortfall: Double, val seconds: Double, val memory: Long) {
    private val alpha = app.alpha
    private val latency = app.latency

    /** The amount by which the latency goal lowers the cost. */
    val patience = alpha * latency

    /** The smallest share that meets the latency goal; it can exceed 1. */
    val enough = seconds / latency

    /** The factor of 1/share in the cost. */
    val weight = alpha * seconds

    /** The share of an application that misses its latency goal is proportional to this number. */
    val root = sqrt(weight)

    /** Returns the cost at a share above 0. */
    fun cost(share: Double): Double =
        shortfall + if (share >= enough) 0.0 else alpha * maxOf(0.0, seconds / share - latency)

    /** Returns the smallest share at which the cost is at most [cost], or [enough] if no share is sufficient. */
    fun shareFor(cost: Double): Double =
        if (cost <= shortfall) enough else minOf(enough, weight / (patience + (cost - shortfall)))
}

/** Returns the sum of [term] for 0 to [count] − 1, added in that order. */
internal inline fun total(count: Int, term: (Int) -> Double): Double {
    var sum = 0.0
    for (i in 0 until count) sum += term(i)
    return sum
}
