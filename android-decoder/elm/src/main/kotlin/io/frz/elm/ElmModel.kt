package io.frz.elm

import androidx.annotation.WorkerThread
import io.frz.FrzFile
import io.frz.elm.internal.Metadata
import java.io.IOException
import java.util.Collections

/**
 * An Extreme Learning Machine: a hidden layer with random weights, and a linear output layer.
 *
 * ```
 * val model = FrzFile.open(File("digits.frz")).use(ElmModel::of)
 * val label = model.classify(pixels)
 * ```
 *
 * Instances are immutable and thread-safe.
 *
 * @property hidden the hidden layer
 */
public class ElmModel internal constructor(
    public val hidden: HiddenLayer,
    labels: List<String>,
    private val weights: Array<DoubleArray>
) {
    /** The labels of the classes, in the order of the outputs; empty if the model is a regression. */
    public val labels: List<String> = Collections.unmodifiableList(ArrayList(labels))

    /** The number of outputs. */
    public val outputs: Int get() = weights.size

    /** Returns the outputs for an image, given as bytes; see [HiddenLayer.features]. */
    public fun scores(image: ByteArray): DoubleArray = outputs(hidden.features(image))

    /** Returns the outputs for an array of numbers; see [HiddenLayer.features]. */
    public fun scores(input: FloatArray): DoubleArray = outputs(hidden.features(input))

    /**
     * Returns the label with the highest score.
     *
     * @throws IllegalStateException if the model is a regression
     */
    public fun classify(image: ByteArray): String = label(scores(image))

    /**
     * Returns the label with the highest score.
     *
     * @throws IllegalStateException if the model is a regression
     */
    public fun classify(input: FloatArray): String = label(scores(input))

    /** Returns the weights of an output, one for each feature. Each call returns a new array. */
    public fun weights(output: Int): DoubleArray = weights[output].clone()

    private fun outputs(features: DoubleArray) = DoubleArray(weights.size) { output ->
        val row = weights[output]
        var sum = 0.0
        for (i in features.indices) sum += row[i] * features[i]
        sum
    }

    private fun label(scores: DoubleArray): String {
        check(labels.isNotEmpty()) { "this model is a regression and has no classes" }
        return labels[scores.indices.maxByOrNull { scores[it] }!!]
    }

    /** Reads models from files. */
    public companion object {
        /**
         * Reads a model written by `frformat.train.elm`. The file can be closed afterwards.
         *
         * @throws ElmException if the file contains no such model
         * @throws IOException if the file is damaged or cannot be read
         */
        @WorkerThread
        @JvmStatic
        @Throws(IOException::class)
        public fun of(file: FrzFile): ElmModel = Metadata(file).model()
    }
}
