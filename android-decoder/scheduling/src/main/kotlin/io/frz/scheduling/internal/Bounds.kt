package io.frz.scheduling.internal

import io.frz.scheduling.Objective
import kotlin.math.sqrt

/**
 * Upper bounds on the gains of single changes from the tiers with these [demands], which have the given [score]. Each
 * bound takes constant time. [slack] is an upper bound on the rounding error of any score.
 *
 * The sum of costs is bounded by Lagrangian duality: for any price μ ≥ 0 of the device's compute, the least sum of
 * costs is at least the sum over the applications of the minimum of C(u) + μ·u over their shares u, minus μ. The price
 * that is optimal before a change is nearly optimal after it. The largest cost K is bounded by one Newton step, because
 * the shares that the applications need are a convex function of K.
 */
internal class Bounds(
    objective: Objective,
    private val demands: List<Demand>,
    private val score: Score,
    private val slack: Double
) {
    private val areBoth = objective == Objective.MIN_MAX_COST
    private val largest = if (areBoth) score.first else Double.POSITIVE_INFINITY
    private val price = price()
    private val free = total(demands.size) { demands[it].shortfall }
    private val priced = total(demands.size) { part(demands[it]) } - price
    private var needed = 0.0
    private var slope = 0.0
    private var highest = Double.NEGATIVE_INFINITY
    private var second = Double.NEGATIVE_INFINITY

    init {
        for (demand in demands) {
            needed += demand.shareFor(largest)
            slope += slope(demand)
            second = maxOf(second, minOf(highest, demand.shortfall))
            highest = maxOf(highest, demand.shortfall)
        }
    }

    /**
     * Returns upper bounds on the two parts of the gain if the application [app] changes to [demand], or null if the
     * score cannot improve. The second one is valid if the first part of the gain equals its bound.
     */
    fun gain(app: Int, demand: Demand): Gain? {
        val current = demands[app]
        val least = maxOf(free - current.shortfall + demand.shortfall, priced - part(current) + part(demand))
        val saved = (if (areBoth) score.second else score.first) - least + slack
        if (!areBoth) return Gain(saved, 0.0).takeIf { saved > 0 }
        // The largest cost cannot fall below the largest shortfall.
        val others = maxOf(if (current.shortfall == highest) second else highest, demand.shortfall)
        if (others >= largest) return Gain(0.0, saved).takeIf { others == largest && saved > 0 }
        val lowered = largest - maxOf(others, root(current, demand)) + slack
        return Gain(lowered, Double.POSITIVE_INFINITY).takeIf { lowered >= 0 }
    }

    /** Returns a lower bound on the root K after a change of [current] to [demand]. */
    private fun root(current: Demand, demand: Demand): Double {
        val after = needed - current.shareFor(largest) + demand.shareFor(largest)
        val steepness = slope - slope(current) + slope(demand)
        return if (steepness > 0) largest + (after - 1.0) / steepness else Double.NEGATIVE_INFINITY
    }

    /** Returns a lower bound on the share of an application after any change that improves the score. */
    private fun least(demand: Demand) = if (areBoth) demand.shareFor(largest) else 0.0

    /** Returns the minimum of C(u) + μ·u over the possible shares u of an application with this [demand]. */
    private fun part(demand: Demand): Double {
        val share = maxOf(minOf(demand.root / sqrt(price), demand.enough), least(demand))
        return demand.cost(share) + price * share
    }

    private fun slope(demand: Demand): Double = demand.shareFor(largest).let { it * it / demand.weight }

    /**
     * Returns the price at which the applications choose their optimal shares. If all of them have enough, it is the
     * highest price at which none would save compute.
     */
    private fun price(): Double {
        var late = Double.POSITIVE_INFINITY
        var most = 0.0
        for ((i, demand) in demands.withIndex()) {
            if (score.shares[i] < demand.enough) late = minOf(late, score.shares[i] / demand.root)
            most = maxOf(most, demand.enough / demand.root)
        }
        val level = if (late.isInfinite()) most else late
        return 1.0 / (level * level)
    }
}

/** A gain, or a bound on one: the score before a change minus the score after it. */
internal class Gain(val first: Double, val second: Double) {
    /** Returns the gain per byte of [bytes]. */
    fun per(bytes: Double): Gain = Gain(first / bytes, second / bytes)

    fun isLessThan(other: Gain): Boolean = isLess(first, second, other.first, other.second)

    fun isEqualTo(other: Gain): Boolean = first == other.first && second == other.second
}
