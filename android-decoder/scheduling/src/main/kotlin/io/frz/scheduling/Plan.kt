package io.frz.scheduling

/**
 * The tier and share of one application.
 *
 * @property app the name of the application
 * @property tier the index of the chosen tier; if it is a tier of a file, pass the index to
 *   [io.frz.FrzOptions.Builder.tier]
 * @property share the fraction of the device's compute, above 0 and at most 1
 * @property latency the time between two frames of the application at that share, in seconds
 * @property cost the cost of the application at this tier and share
 */
public class Choice internal constructor(
    public val app: String,
    public val tier: Int,
    public val share: Double,
    public val latency: Double,
    public val cost: Double
) {
    override fun toString(): String = "$app: tier $tier, share $share"
}

/**
 * A tier and a share for each application. The shares add up to at most 1, except for rounding; the rest of the device
 * remains idle.
 *
 * @property choices the choices, one for each application, in the order in which the applications were passed
 * @property total the sum of all costs
 * @property largest the largest cost
 * @property isExact whether the plan is known to be optimal; if not, it was found by the greedy search
 */
public class Plan internal constructor(
    public val choices: List<Choice>,
    public val total: Double,
    public val largest: Double,
    public val isExact: Boolean
) {
    /**
     * Returns the choice for the application named [app].
     *
     * @throws NoSuchElementException if no application has that name
     */
    public operator fun get(app: String): Choice = choices.first { it.app == app }

    override fun toString(): String = choices.joinToString("; ")
}
