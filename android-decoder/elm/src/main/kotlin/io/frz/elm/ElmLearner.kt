package io.frz.elm

import androidx.annotation.WorkerThread
import io.frz.elm.internal.NormalEquations
import java.nio.ByteBuffer
import java.security.MessageDigest

/**
 * Trains a classifier on examples that never leave the device.
 *
 * Adding an example takes one pass through the hidden layer and one update of the sums; of the example itself, only a
 * digest is stored, by which it is recognized when it is removed again. An example with a new label adds a class at any
 * time, and removing the last example of a class removes the class. [solve] computes the best output layer for all
 * current examples.
 *
 * ```
 * val learner = ElmLearner(hidden)
 * learner.add(photoOfACup, "cup")
 * learner.add(photoOfABook, "book")
 * val model = learner.solve()
 * ```
 *
 * For n features, the sums take 4 · n² bytes, and [solve] temporarily needs the same amount again. If a method throws,
 * even because memory has run out, the examples are the same as before. Instances are thread-safe.
 *
 * @property hidden the hidden layer
 */
public class ElmLearner(public val hidden: HiddenLayer) {
    private val equations = NormalEquations(hidden.features)

    /** The classes, in the order of the outputs. */
    private val classes = ArrayList<Learned>()

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
     * @throws IllegalArgumentException if the image was not added with this label, or has been removed since
     */
    @WorkerThread
    public fun forget(image: ByteArray, label: String): Unit = forget(hidden.features(image), label)

    /**
     * Removes an array of numbers that was added with this label, as if it had never been added.
     *
     * @throws IllegalArgumentException if the array was not added with this label, or has been removed since
     */
    @WorkerThread
    public fun forget(input: FloatArray, label: String): Unit = forget(hidden.features(input), label)

    /**
     * Returns the model that fits all current examples best. Later examples do not change it.
     *
     * @param ridge the ridge parameter, relative to the mean of the features' sums of squares; if it is too small for a
     *   solution, it is multiplied by 10, repeatedly if necessary
     * @throws IllegalArgumentException if [ridge] is not positive and finite
     * @throws IllegalStateException if there are examples of fewer than two classes, if there is no solution even with
     *   the largest ridge that is tried, or if a removed example was so much larger than the others that rounding has
     *   erased them
     * @throws InterruptedException if the thread is interrupted
     */
    @WorkerThread
    @JvmOverloads
    @Throws(InterruptedException::class)
    @Synchronized
    public fun solve(ridge: Double = RIDGE): ElmModel {
        require(ridge > 0 && ridge < Double.POSITIVE_INFINITY) { "the ridge $ridge is not positive" }
        check(classes.size >= 2) {
            "add examples of at least two classes (examples: ${equations.samples}, classes: ${classes.size})"
        }
        return ElmModel(hidden, classes.map { it.label }, equations.solve(ridge))
    }

    /** Everything that can fail, because memory can run out, comes before the first change. */
    @Synchronized
    private fun add(features: DoubleArray, label: String) {
        val digest = digest(features)
        val number = number(label)
        val learned = if (number < classes.size) classes[number] else Learned(label)
        val targets = DoubleArray(maxOf(classes.size, number + 1)) { if (it == number) OWN else OTHER }
        val times = learned.times(digest)
        if (number == classes.size) {
            classes.ensureCapacity(number + 1)
            equations.addOutput(OTHER)
            classes.add(learned)
        }
        times.count++
        learned.examples++
        equations.accumulate(features, targets, 1.0)
    }

    /** Everything that can fail comes before the first change, as in [add]. */
    @Synchronized
    private fun forget(features: DoubleArray, label: String) {
        val digest = digest(features)
        val number = number(label)
        val learned = classes.getOrNull(number)
        val times = learned?.known?.get(digest)?.takeIf { it.count > 0 }
        require(learned != null && times != null) { "no such example has the label \"$label\"" }
        val targets = DoubleArray(classes.size) { if (it == number) OWN else OTHER }
        if (times.count == 1) learned.known.remove(digest)
        times.count--
        learned.examples--
        equations.accumulate(features, targets, -1.0)
        if (learned.examples > 0) return
        equations.removeOutput(number)
        classes.removeAt(number)
    }

    /** Returns the number of the class [label], which is the number of classes if it is new. */
    private fun number(label: String): Int {
        val known = classes.indexOfFirst { it.label == label }
        return if (known < 0) classes.size else known
    }

    /** A class and its examples. */
    private class Learned(val label: String) {
        /** How often each example was added and not removed, by its digest. */
        val known = HashMap<Long, Times>()

        /** The number of all examples. */
        var examples = 0

        /** Returns how often the example with this [digest] was added; if it is new, 0 times. */
        fun times(digest: Long): Times = known.getOrPut(digest) { Times() }
    }

    /** How often an example was added and not removed: an object, so that counting allocates no memory. */
    private class Times {
        var count = 0
    }

    private companion object {
        const val RIDGE = 1e-3
        const val OWN = 1.0
        const val OTHER = -1.0

        /** Returns the first 64 bits of the SHA-256 digest of [features]. */
        fun digest(features: DoubleArray): Long {
            val bytes = ByteBuffer.allocate(Double.SIZE_BYTES * features.size)
            bytes.asDoubleBuffer().put(features)
            return ByteBuffer.wrap(MessageDigest.getInstance("SHA-256").digest(bytes.array())).getLong()
        }
    }
}
