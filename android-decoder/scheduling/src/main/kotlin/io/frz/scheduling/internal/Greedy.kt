package io.frz.scheduling.internal

/**
 * Returns good tiers for many applications: the better result of two descents from [start]. One is guided by the gain
 * per byte of each change, the other by the gain alone.
 */
internal fun greedy(table: Table, start: IntArray): IntArray {
    val (perByte, plain) = listOf(true, false).map { Descent(table, start, it) }
    return if (plain.score.isLessThan(perByte.score)) plain.tiers else perByte.tiers
}

/**
 * Repeatedly changes the tier of one application, choosing the best-rated change, until no change improves the score.
 */
private class Descent(private val table: Table, start: IntArray, private val perByte: Boolean) {
    val tiers = start.copyOf()
    private val demands = table.chosen(start).toMutableList()
    var score = table.score(demands)
        private set

    init {
        do {
            val best = bestChange()
            if (best != null) {
                demands[best.app] = best.demand
                tiers[best.app] = best.demand.tier
                score = best.score
            }
        } while (best != null)
    }

    private fun bestChange(): Change? {
        var best: Change? = null
        val free = table.memory - demands.sumOf { it.memory }
        for ((app, row) in table.rows.withIndex()) {
            val current = demands[app]
            for (demand in row) {
                val more = demand.memory - current.memory
                if (demand === current || more > free) continue
                demands[app] = demand
                val found = table.score(demands)
                if (found.isLessThan(score)) {
                    val change = Change(app, demand, found, score, if (perByte) maxOf(more, 1L).toDouble() else 1.0)
                    best = best?.takeUnless { change.isBetterThan(it) } ?: change
                }
            }
            demands[app] = current
        }
        return best
    }
}

/** A change of tier that gives [app] the new [demand] and changes the score from [before] to [score]. */
private class Change(val app: Int, val demand: Demand, val score: Score, before: Score, bytes: Double) {
    private val first = (before.first - score.first) / bytes
    private val second = (before.second - score.second) / bytes

    fun isBetterThan(other: Change): Boolean = isLess(other.first, other.second, first, second)
}
