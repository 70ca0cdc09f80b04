package io.frz.elm

import androidx.annotation.WorkerThread
import io.frz.elm.internal.NormalEquations

/**
 * Trains a classifier on examples that never leave the device.
 *
 * Adding an example takes one pass through the hidden layer and one update of the sums; the example itself is not
 * stored. Examples can be removed again, and an example with a new label adds a class at any time. [solve] computes the
 * best output layer for all current examples.
 *
 * ```
 * val learner = ElmLearner(hidden)
 * learner.add(photoOfACup, "cup")
 * learner.add(photoOfABook, "book")
 * val model = learner.solve()
 * ```
 *
 * For n features, the sums take 4 · n² bytes, and [solve] temporarily needs the same amount again. Instances are
 * thread-safe.
 *
 * @property hidden the hidden layer
 */
public class ElmLearner(public val hidden: HiddenLayer) {
    private val equations = NormalEquations(hidden.features)
    private val labels = ArrayList<String>()

    /** The number of examples that have been added and not removed. */
    public val examples: Int @Synchronized get() = equations.samples

    /** Adds an image, given as bytes, with its label; see [HiddenLayer.features]. */
    @WorkerThread
    public fun add(image: ByteArray, label: String): Unit = add(hidden.features(image), label)

    /** Adds an array of numbers with its label; see [HiddenLayer.features]. */
    @WorkerThread
    public fun add(input: FloatArray, label: String): Unit = add(hidden.features(input), label)

    /**
     * Removes an image that was added with this label, as if it had never been added.
     *
     * @throws IllegalArgumentException if no example was ever added with this label, or there are no examples left
     */
    @WorkerThread
    public fun forget(image: ByteArray, label: String): Unit = forget(hidden.features(image), label)

    /**
     * Removes an array of numbers that was added with this label, as if it had never been added.
     *
     * @throws IllegalArgumentException if no example was ever added with this label, or there are no examples left
     */
    @WorkerThread
    public fun forget(input: FloatArray, label: String): Unit = forget(hidden.features(input), label)

    /**
     * Returns the model that fits all current examples best. Later examples do not change it.
     *
     * @param ridge the ridge parameter, relative to the mean of the features' sums of squares; if it is too small for a
     *   solution, it is multiplied by 10, repeatedly if necessary
     * @throws IllegalArgumentException if [ridge] is not positive and finite
     * @throws IllegalStateException if examples of fewer than two classes have been added, there are no examples left,
     *   or there is no solution even with the largest ridge that is tried
     * @throws InterruptedException if the thread is interrupted
     */
    @WorkerThread
    @JvmOverloads
    @Throws(InterruptedException::class)
    @Synchronized
    public fun solve(ridge: Double = RIDGE): ElmModel {
        require(ridge > 0 && ridge < Double.POSITIVE_INFINITY) { "the ridge $ridge is not positive" }
        check(labels.size >= 2 && equations.samples > 0) {
            "add examples of at least two classes (examples: ${equations.samples}, classes: ${labels.size})"
        }
        return ElmModel(hidden, labels, equations.solve(ridge))
    }

    @Synchronized
    private fun add(features: DoubleArray, label: String) {
        if (label !in labels) {
            equations.addOutput(OTHER)
            labels.add(label)
        }
        equations.accumulate(features, targets(label), 1.0)
    }

    @Synchronized
    private fun forget(features: DoubleArray, label: String) {
        require(label in labels && equations.samples > 0) { "no example has the label \"$label\"" }
        equations.accumulate(features, targets(label), -1.0)
    }

    private fun targets(label: String) = DoubleArray(labels.size) { if (labels[it] == label) OWN else OTHER }

    private companion object {
        const val RIDGE = 1e-3
        const val OWN = 1.0
        const val OTHER = -1.0
    }
}
