package io.frz.scheduling.internal

/**
 * Returns the tiers with the lowest score or, if several combinations have the same score, the lexicographically first
 * one. The search tries every combination except those that cannot win. [start] contains tiers that fit into memory;
 * the better they are, the fewer combinations are tried.
 *
 * The ideal demands of the undecided applications yield a bound on the score of a branch. A branch is pruned only if
 * its bound is worse than the best score so far, and by more than rounding errors can explain.
 */
internal fun exact(table: Table, start: IntArray): IntArray {
    val search = Search(table, start)
    search.descend(0, table.memory - table.ideals.sumOf { it.memory })
    return search.best
}

private class Search(private val table: Table, start: IntArray) {
    var best = start
    private var bestScore = table.score(table.chosen(start))
    private val slack = table.rounding()
    private val demands = table.ideals.toMutableList()
    private val tiers = start.copyOf()
    private val undecided = table.rows.indices.filter { table.rows[it].size > 1 }

    fun descend(depth: Int, memory: Long) {
        if (depth == undecided.size) return finish()
        val app = undecided[depth]
        for (demand in table.rows[app]) {
            val left = memory - (demand.memory - table.ideals[app].memory)
            demands[app] = demand
            tiers[app] = demand.tier
            if (left >= 0 && !isHopeless()) descend(depth + 1, left)
        }
        demands[app] = table.ideals[app]
    }

    private fun finish() {
        val score = table.score(demands)
        val isFirst = score.isEqualTo(bestScore) && precedes(tiers, best)
        if (isFirst || score.isLessThan(bestScore)) {
            best = tiers.copyOf()
            bestScore = score
        }
    }

    /**
     * Returns whether all scores that can still be reached are worse than the best one found. No shortfall exceeds the
     * largest cost.
     */
    private fun isHopeless(): Boolean {
        val bound = table.score(demands)
        val tied = demands.any { it.shortfall >= bestScore.first } && bound.second > bestScore.second + slack
        return tied || bound.first > bestScore.first + slack
    }
}

private fun precedes(a: IntArray, b: IntArray): Boolean {
    val at = a.indices.firstOrNull { a[it] != b[it] } ?: return false
    return a[at] < b[at]
}
