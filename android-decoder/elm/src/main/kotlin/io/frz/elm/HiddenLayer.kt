package io.frz.elm

import androidx.annotation.WorkerThread
import io.frz.FrzFile
import io.frz.elm.internal.Metadata
import java.io.IOException

/**
 * A hidden layer with pseudo-random weights, which a file stores as a seed. It turns inputs into features for
 * [ElmModel] and [ElmLearner].
 *
 * Instances are immutable and thread-safe.
 */
public abstract class HiddenLayer internal constructor(shape: IntArray) {
    private val axes = shape

    /** The shape of an input: channels, height and width of an image, or the number of values. */
    public val inputShape: IntArray get() = axes.clone()

    /** The number of elements of an input. */
    public val inputSize: Int = shape.fold(1, Int::times)

    /** The number of features. The first is always 1. */
    public abstract val features: Int

    /**
     * Returns the features of an image.
     *
     * @param image unsigned bytes in the order channels, rows, columns
     * @throws IllegalArgumentException if the image does not have [inputSize] bytes, or the layer expects floats
     */
    public open fun features(image: ByteArray): DoubleArray =
        throw IllegalArgumentException("this hidden layer takes floats, not the bytes of an image")

    /**
     * Returns the features of an array of numbers.
     *
     * @throws IllegalArgumentException if the array does not have [inputSize] numbers, a number is not finite, or the
     *   layer expects the bytes of an image
     */
    public open fun features(input: FloatArray): DoubleArray =
        throw IllegalArgumentException("this hidden layer takes the bytes of an image, not floats")

    internal fun checkSize(size: Int) =
        require(size == inputSize) { "the input has $size elements, but the hidden layer takes $inputSize" }

    /** Reads hidden layers from files. */
    public companion object {
        /**
         * Reads the hidden layer of a file written by `frformat.train.elm`. The file can be closed afterwards.
         *
         * @throws ElmException if the file contains no such layer
         * @throws IOException if the file is damaged or cannot be read
         */
        @WorkerThread
        @JvmStatic
        @Throws(IOException::class)
        public fun of(file: FrzFile): HiddenLayer = Metadata(file).hiddenLayer()
    }
}
