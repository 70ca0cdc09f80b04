package io.frz.scheduling.internal

/** A lower bound on the remaining share, which ensures that rounding errors cannot reduce a share to 0. */
private const val CRUMB = 1.0 / (1L shl 53)

/**
 * Returns the shares with the lowest total cost. Each is at least [least] and at most the share that meets the latency
 * goal.
 *
 * The cost of an application at share u is a constant plus weight/u until its latency goal is met. At the optimum, the
 * derivatives of the costs of late applications are equal, so their shares are proportional to √weight. The bounds are
 * enforced with the variable-fixing method of Bitran and Hax (Management Science 27(4), 1981): each round fixes one or
 * more shares at bounds that are active at the optimum.
 */
internal fun divide(demands: List<Demand>, least: DoubleArray): DoubleArray {
    val shares = DoubleArray(demands.size) { demands[it].enough }
    if (total(shares.size) { shares[it] } <= 1.0) return shares
    val needed = total(least.size) { least[it] }
    val lower = if (needed > 1.0) DoubleArray(least.size) { least[it] / needed } else least
    var free = demands.indices.toList()
    var rest = 1.0
    while (free.isNotEmpty()) {
        val level = rest / total(free.size) { demands[free[it]].root }
        free.forEach { shares[it] = demands[it].root * level }
        val (below, others) = free.partition { shares[it] < lower[it] }
        val above = others.filter { shares[it] > demands[it].enough }
        val short = total(below.size) { lower[below[it]] - shares[below[it]] }
        val excess = total(above.size) { shares[above[it]] - demands[above[it]].enough }
        if (short == 0.0 && excess == 0.0) break
        val fixed = if (excess >= short) above else below
        for (i in fixed) {
            shares[i] = if (excess >= short) demands[i].enough else lower[i]
            rest = maxOf(rest - shares[i], CRUMB)
        }
        free = free - fixed.toSet()
    }
    return shares
}
