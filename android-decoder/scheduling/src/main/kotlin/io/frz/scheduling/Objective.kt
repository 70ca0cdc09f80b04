package io.frz.scheduling

/**
 * What a plan minimizes: one of the two objectives of NestDNN.
 *
 * @property label its name in the specification
 */
public enum class Objective(public val label: String) {
    /** The sum of all costs: the best overall result, possibly at the expense of one application. */
    MIN_TOTAL_COST("min-total-cost"),

    /** The largest cost, then the sum: no application is left behind. */
    MIN_MAX_COST("min-max-cost")
}
