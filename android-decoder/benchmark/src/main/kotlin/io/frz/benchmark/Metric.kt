package io.frz.benchmark

import kotlin.math.exp
import kotlin.math.log10

/**
 * A metric that scores the outputs of a task; higher is always better.
 *
 * @property label the name in manifests and reports
 */
public enum class Metric(public val label: String) {
    /** The share of the inputs for which the largest logit is that of the true class. */
    ACCURACY("accuracy") {
        override fun score(output: Values, target: FloatArray): Double =
            if (winner(output.elements, 0, 1, output.elements.size) == target[0].toInt()) 1.0 else 0.0
    },

    /** The Dice score of class 1 in a map of two or more classes. */
    DICE("dice") {
        override fun score(output: Values, target: FloatArray): Double {
            val classes = output.shape[1].toInt()
            var both = 0L
            var either = 0L
            for (at in target.indices) {
                val found = winner(output.elements, at, target.size, classes) == 1
                val wanted = target[at] == 1f
                if (found && wanted) both++
                either += (if (found) 1 else 0) + (if (wanted) 1 else 0)
            }
            return if (either == 0L) 1.0 else 2.0 * both / either
        }
    },

    /** The peak signal-to-noise ratio, in dB, of an image with values from 0 to 1; limited to 100 dB. */
    PSNR("psnr") {
        override fun score(output: Values, target: FloatArray): Double {
            var sum = 0.0
            for (at in target.indices) {
                val gap = output.elements[at].coerceIn(0f, 1f).toDouble() - target[at]
                sum += gap * gap
            }
            return minOf(MOST_DECIBELS, -10 * log10(sum / target.size))
        }
    },

    /** The share of the outputs that the judge assigns to one class with at least the probability in the target. */
    CONFIDENCE("confidence") {
        override fun score(output: Values, target: FloatArray): Double {
            val greatest = output.elements.max()
            return if (1 / output.elements.sumOf { exp(it.toDouble() - greatest) } >= target[0]) 1.0 else 0.0
        }
    };

    /**
     * Returns the score of one output, or of the judge's output if the network has one; [target] contains the class,
     * the class map, the image, or the minimum probability.
     */
    internal abstract fun score(output: Values, target: FloatArray): Double

    internal companion object {
        private const val MOST_DECIBELS = 100.0

        private fun winner(logits: FloatArray, at: Int, stride: Int, classes: Int): Int {
            var best = 0
            for (kind in 1 until classes) if (logits[at + kind * stride] > logits[at + best * stride]) best = kind
            return best
        }
    }
}
