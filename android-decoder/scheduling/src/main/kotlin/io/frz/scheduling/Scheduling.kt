@file:JvmName("Scheduling")

package io.frz.scheduling

import io.frz.scheduling.internal.Table
import io.frz.scheduling.internal.byCodePoints
import io.frz.scheduling.internal.exact
import io.frz.scheduling.internal.greedy
import io.frz.scheduling.internal.total
import java.util.Collections

/**
 * The maximum number of combinations of tiers that are searched exhaustively: eight applications with four tiers each.
 */
public const val EXACT_COMBINATIONS: Int = 1 shl 16

private const val MAX_APPS = 4096

/**
 * Chooses a tier and a share of the device's compute for each of [apps] so that the cost is minimal.
 *
 * Costs and objectives follow NestDNN (Fang, Zeng and Zhang, MobiCom 2018, arXiv:1810.10090). The result depends only
 * on the arguments, not on the order of the applications, and is bit-identical to that of the Python package. Shares
 * are optimal for the chosen tiers. The tiers are optimal if there are at most [EXACT_COMBINATIONS] combinations;
 * otherwise a greedy search chooses them.
 *
 * @param apps the running applications; an empty list results in an empty plan
 * @param budget the resources that they share
 * @param objective the objective to minimize
 * @throws InfeasibleBudgetException if the applications do not fit into memory even at their smallest tiers
 * @throws IllegalArgumentException if two applications have the same name, or if there are more than 4,096
 */
@JvmOverloads
public fun chooseTiers(apps: Collection<App>, budget: Budget, objective: Objective = Objective.MIN_TOTAL_COST): Plan {
    val ordered = apps.sortedWith { a, b -> byCodePoints(a.name, b.name) }
    check(ordered, budget)
    if (ordered.isEmpty()) return Plan(emptyList(), 0.0, 0.0, true)
    val table = Table(ordered, budget, objective)
    val start = greedy(table, table.smallest())
    val isExact = combinations(ordered) <= EXACT_COMBINATIONS
    val chosen = table.chosen(if (isExact) exact(table, start) else start)
    val shares = table.score(chosen).shares
    val choices = ordered.indices.associate {
        val demand = chosen[it]
        val share = shares[it]
        ordered[it].name to
            Choice(ordered[it].name, demand.tier, share, demand.seconds / share, demand.cost(share))
    }
    val costs = ordered.map { choices.getValue(it.name).cost }
    val given = Collections.unmodifiableList(apps.map { choices.getValue(it.name) })
    return Plan(given, total(costs.size) { costs[it] }, costs.max(), isExact)
}

/**
 * Returns the number of combinations of tiers or, if that exceeds [EXACT_COMBINATIONS], any number above that limit.
 */
private fun combinations(apps: List<App>): Long = apps.fold(1L) { product, app ->
    if (product > EXACT_COMBINATIONS) product else product * app.tiers.size
}

/** Throws if no plan exists for the arguments. */
private fun check(ordered: List<App>, budget: Budget) {
    require(ordered.size <= MAX_APPS) {
        "${ordered.size} applications are more than the $MAX_APPS that can be planned together"
    }
    ordered.zipWithNext { a, b ->
        require(a.name != b.name) { "two applications have the name \"${a.name}\"; give each its own" }
    }
    val least = ordered.associateWith { app -> app.tiers.minOf { it.memory } }
    val needed = least.values.sum()
    var left = needed
    val unfit = ordered.sortedByDescending { least.getValue(it) }.takeWhile { app ->
        (left > budget.memory).also { left -= least.getValue(app) }
    }.map { it.name }
    if (unfit.isEmpty()) return
    throw InfeasibleBudgetException(Collections.unmodifiableList(unfit), needed, budget.memory)
}
