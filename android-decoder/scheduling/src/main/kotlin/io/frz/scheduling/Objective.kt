package io.frz.scheduling

/**
 * The objective that a plan minimizes: one of the two objectives of NestDNN.
 *
 * @property label the name of the objective in the specification
 */
public enum class Objective(public val label: String) {
    /** Minimizes the sum of all costs, possibly at the expense of a single application. */
    MIN_TOTAL_COST("min-total-cost"),

    /** Minimizes the largest cost, then the sum of all costs, so that no application is neglected. */
    MIN_MAX_COST("min-max-cost")
}
