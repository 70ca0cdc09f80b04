package io.frz.scheduling

import io.frz.scheduling.internal.checkMemory
import io.frz.scheduling.internal.checkPositive
import io.frz.scheduling.internal.checkScore
import java.util.Collections

/**
 * The cost and accuracy of a model at one tier.
 *
 * @property accuracy any score for which higher is better, in the same unit as the application's accuracy goal
 * @property compute the work of one inference: either in multiply-adds, with [Budget.speed] in multiply-adds per
 *   second, or in seconds as measured on the whole device, with a speed of 1
 * @property memory the memory of the loaded model, in bytes
 * @throws IllegalArgumentException if a number is out of range
 */
public class Tier(public val accuracy: Double, public val compute: Double, public val memory: Long) {
    init {
        checkScore("accuracy", accuracy)
        checkPositive("compute", compute)
        checkMemory(memory)
    }

    override fun toString(): String = "accuracy $accuracy, compute $compute, $memory bytes"
}

/**
 * An application: the tiers of its model, and its goals.
 *
 * The cost at a tier and a share u of the device is `accuracy − tier.accuracy + alpha · max(0, l/u − latency)`, where l
 * is the time that one inference takes on the whole device, in seconds. Accuracy above the goal lowers the cost
 * further; speed above the goal does not.
 *
 * @property name the name of the application, unique among all applications
 * @property accuracy the accuracy goal
 * @property latency the latency goal, in seconds between two frames: 1/30 for 30 frames per second
 * @property alpha the loss of accuracy that is as bad as one second of excess latency
 * @throws IllegalArgumentException if the name is empty, there are no tiers or more than 256, or a number is out of
 *   range
 */
public class App @JvmOverloads constructor(
    public val name: String,
    tiers: List<Tier>,
    public val accuracy: Double,
    public val latency: Double,
    public val alpha: Double = 1.0
) {
    /** The tiers, in any order, usually from the smallest to the largest. */
    public val tiers: List<Tier> = Collections.unmodifiableList(ArrayList(tiers))

    init {
        require(name.isNotEmpty()) { "an application needs a name" }
        require(Charsets.UTF_8.newEncoder().canEncode(name)) { "the name \"$name\" has a lone surrogate" }
        require(this.tiers.size in 1..MAX_TIERS) {
            "application \"$name\" has ${this.tiers.size} tiers; it needs 1 to $MAX_TIERS"
        }
        checkScore("accuracy of application \"$name\"", accuracy)
        checkPositive("latency of application \"$name\"", latency)
        checkPositive("alpha of application \"$name\"", alpha)
    }

    override fun toString(): String = "$name, ${tiers.size} tiers"

    private companion object {
        const val MAX_TIERS = 256
    }
}
