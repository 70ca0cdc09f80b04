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
 * Scores are computed only for changes whose [Bounds] show that they may be the best.
 */
private class Descent(private val table: Table, start: IntArray, private val perByte: Boolean) {
    val tiers = start.copyOf()
    private val demands = table.chosen(start).toMutableList()
    private val slack = table.rounding()
    var score = table.score(demands)
        private set

    init {
        do {
            val best = bestChange()
            if (best != null) {
                demands[best.app] = best.demand
                tiers[best.app] = best.demand.tier
                score = checkNotNull(best.score)
            }
        } while (best != null)
    }

    private fun bestChange(): Change? {
        val candidates = candidates()
        val likely = candidates.reduceOrNull { a, b -> if (a.rating.isLessThan(b.rating)) b else a } ?: return null
        var best = rated(likely)
        for (change in candidates) {
            val isHopeless = change === likely || (best != null && change.rating.isLessThan(best.rating))
            val rated = if (isHopeless) null else rated(change)
            if (rated != null && (best == null || rated.precedes(best))) best = rated
        }
        return best
    }

    /** Returns [change] with its score and its exact rating, or null if it does not improve the score. */
    private fun rated(change: Change): Change? {
        val current = demands[change.app]
        demands[change.app] = change.demand
        val found = table.score(demands)
        demands[change.app] = current
        if (!found.isLessThan(score)) return null
        val gain = Gain(score.first - found.first, score.second - found.second)
        return Change(change.app, change.demand, change.bytes, gain.per(change.bytes), found)
    }

    /** Returns the changes that fit into memory and may improve the score, with upper bounds on their ratings. */
    private fun candidates(): List<Change> {
        val bounds = Bounds(table.objective, demands, score, slack)
        val free = table.memory - demands.sumOf { it.memory }
        val found = ArrayList<Change>()
        for ((app, row) in table.rows.withIndex()) {
            val current = demands[app]
            for (demand in row) {
                val more = demand.memory - current.memory
                if (demand === current || more > free) continue
                val bytes = if (perByte) maxOf(more, 1L).toDouble() else 1.0
                bounds.gain(app, demand)?.let { found.add(Change(app, demand, bytes, it.per(bytes), null)) }
            }
        }
        return found
    }
}

/**
 * A change of tier that gives [app] the new [demand], takes [bytes] more memory and has this [rating], which is an
 * upper bound if its [score] has not been computed.
 */
private class Change(val app: Int, val demand: Demand, val bytes: Double, val rating: Gain, val score: Score?) {
    /** Returns whether this change is to be made rather than [other]: of equal ratings, the first one wins. */
    fun precedes(other: Change): Boolean {
        if (!rating.isEqualTo(other.rating)) return other.rating.isLessThan(rating)
        return app < other.app || (app == other.app && demand.tier < other.demand.tier)
    }
}
