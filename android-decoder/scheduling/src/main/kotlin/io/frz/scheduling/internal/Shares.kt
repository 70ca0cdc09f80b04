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
    val free = IntArray(demands.size) { it }
    var count = free.size
    var rest = 1.0
    while (count > 0) {
        val level = rest / total(count) { demands[free[it]].root }
        var short = 0.0
        var excess = 0.0
        for (k in 0 until count) {
            val i = free[k]
            shares[i] = demands[i].root * level
            if (shares[i] < lower[i]) {
                short += lower[i] - shares[i]
            } else if (shares[i] > demands[i].enough) {
                excess += shares[i] - demands[i].enough
            }
        }
        if (short == 0.0 && excess == 0.0) break
        val areAbove = excess >= short
        var left = 0
        for (k in 0 until count) {
            val i = free[k]
            if (if (areAbove) shares[i] > demands[i].enough else shares[i] < lower[i]) {
                shares[i] = if (areAbove) demands[i].enough else lower[i]
                rest = maxOf(rest - shares[i], CRUMB)
            } else {
                free[left++] = i
            }
        }
        count = left
    }
    return shares
}
