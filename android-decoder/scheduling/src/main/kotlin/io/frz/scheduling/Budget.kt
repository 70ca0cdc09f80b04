package io.frz.scheduling

import io.frz.scheduling.internal.checkMemory
import io.frz.scheduling.internal.checkPositive

/**
 * The resources that applications share.
 *
 * @property memory the memory available to all loaded models together, in bytes
 * @property speed the compute of the whole device per second, in the unit of [Tier.compute]
 * @throws IllegalArgumentException if a number is out of range
 */
public class Budget @JvmOverloads constructor(public val memory: Long, public val speed: Double = 1.0) {
    init {
        checkMemory(memory)
        checkPositive("speed", speed)
    }

    override fun toString(): String = "$memory bytes, speed $speed"
}

/**
 * Thrown when the applications do not fit into memory even at their smallest tiers.
 *
 * @property unfit the smallest set of applications to close so that the others fit
 * @property needed the memory that all applications need at their smallest tiers, in bytes
 * @property available the memory of the budget, in bytes
 */
public class InfeasibleBudgetException internal constructor(
    public val unfit: List<String>,
    public val needed: Long,
    public val available: Long
) : IllegalArgumentException(
    "the applications need $needed bytes at their smallest tiers, but the budget is $available: " +
        "close ${unfit.joinToString("\", \"", "\"", "\"")}, or give them smaller tiers"
) {
    private companion object {
        const val serialVersionUID = 1L
    }
}
