package io.frz.scheduling.internal

import io.frz.scheduling.Objective

/**
 * The score of a choice of tiers: [first] is minimized, then [second].
 *
 * @property shares the shares that reach this score
 */
internal class Score(val first: Double, val second: Double, val shares: DoubleArray) {
    fun isLessThan(other: Score): Boolean = isLess(first, second, other.first, other.second)

    fun isEqualTo(other: Score): Boolean = first == other.first && second == other.second
}

/** Returns whether the first pair precedes the other lexicographically. Zeros are equal regardless of sign. */
internal fun isLess(first: Double, second: Double, otherFirst: Double, otherSecond: Double): Boolean =
    first < otherFirst || (first == otherFirst && second < otherSecond)

/** Returns the best score that [demands], one for each application, can reach. */
internal fun score(demands: List<Demand>, objective: Objective): Score {
    if (objective == Objective.MIN_TOTAL_COST) {
        val shares = divide(demands, DoubleArray(demands.size))
        return Score(sumOfCosts(demands, shares), 0.0, shares)
    }
    val largest = leastLargest(demands)
    val shares = divide(demands, DoubleArray(demands.size) { demands[it].shareFor(largest) })
    return Score(largest, sumOfCosts(demands, shares), shares)
}

private fun sumOfCosts(demands: List<Demand>, shares: DoubleArray): Double =
    total(shares.size) { demands[it].cost(shares[it]) }

/**
 * Returns the smallest possible value of the largest cost.
 *
 * It is the largest shortfall or, if the shares are not sufficient for that, the root of a function that is decreasing
 * and convex above the largest shortfall. Newton's method approaches the root from the left without passing it, and
 * ends when rounding prevents further progress.
 */
private fun leastLargest(demands: List<Demand>): Double {
    var cost = demands.maxOf { it.shortfall }
    while (true) {
        var needed = 0.0
        var slope = 0.0
        for (demand in demands) {
            val share = demand.shareFor(cost)
            needed += share
            slope += share * share / demand.weight
        }
        val next = if (needed <= 1.0) cost else cost + (needed - 1.0) / slope
        if (next <= cost) return cost
        cost = next
    }
}
