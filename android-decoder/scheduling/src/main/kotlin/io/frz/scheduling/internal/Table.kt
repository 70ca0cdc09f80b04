package io.frz.scheduling.internal

import io.frz.scheduling.App
import io.frz.scheduling.Budget
import io.frz.scheduling.Objective
import kotlin.math.abs

/** A scheduling problem in the form that the search uses. [apps] must be sorted by name. */
internal class Table(apps: List<App>, budget: Budget, val objective: Objective) {
    /** For each application, its demand at each tier. */
    val rows: List<List<Demand>> = apps.map { app ->
        app.tiers.mapIndexed { index, tier ->
            Demand(app, index, app.accuracy - tier.accuracy, tier.compute / budget.speed, tier.memory)
        }
    }

    /**
     * For each application, an ideal demand that combines the best accuracy, the least compute and the least memory of
     * all tiers.
     */
    val ideals: List<Demand> = apps.zip(rows) { app, row ->
        Demand(app, 0, row.minOf { it.shortfall }, row.minOf { it.seconds }, row.minOf { it.memory })
    }

    /** The memory available to all applications together, in bytes. */
    val memory: Long = budget.memory

    /** Returns the demand of each application at its tier in [tiers]. */
    fun chosen(tiers: IntArray): List<Demand> = rows.indices.map { rows[it][tiers[it]] }

    /** Returns, for each application, the tier that needs the least memory; the first one if there are several. */
    fun smallest(): IntArray = IntArray(rows.size) { app -> rows[app].minBy { it.memory }.tier }

    /** Returns the score of a choice of demands, one for each application. */
    fun score(demands: List<Demand>): Score = score(demands, objective)

    /** Returns a bound on the rounding error of any score: a small fraction of the largest numbers in the sums. */
    fun rounding(): Double =
        1e-10 * rows.sumOf { row -> row.maxOf { abs(it.shortfall) + it.patience + rows.size * it.weight } }
}
