package io.frz.elm.internal

import io.frz.DType
import io.frz.FrzFile
import io.frz.elm.ElmException
import io.frz.elm.ElmModel
import io.frz.elm.HiddenLayer

/** Reads the parts of an Extreme Learning Machine from a file, as stored by `frformat.train.elm`. */
internal class Metadata(private val file: FrzFile) {
    fun hiddenLayer(): HiddenLayer = allocating { layer() }

    fun model(): ElmModel = allocating {
        val hidden = layer()
        ElmModel(hidden, labels, output(hidden.features))
    }

    private fun layer(): HiddenLayer {
        val shape = text("input").split(' ').map { positive("input", it) }.toIntArray()
        val inputs = shape.fold(1L) { product, length -> if (product > Int.MAX_VALUE) product else product * length }
        val weights = floats("hidden.weight")
        val biases = floats("hidden.bias")
        val axes = file.tensor("hidden.weight").shape
        check(axes.isNotEmpty() && inputs <= Int.MAX_VALUE)
        return when (val kind = text("hidden")) {
            "convolution" -> {
                val image = if (shape.size == 2) intArrayOf(1) + shape else shape
                val size = axes.last().toInt()
                val pool = positive("pool", text("pool"))
                val fits = image.size == 3 && pool <= minOf(image[1], image[2]) - size + 1
                check(fits && axes.contentEquals(lengths(biases.size, image[0], size, size)))
                val places = (image[1] - size + 1L) / pool * ((image[2] - size + 1L) / pool)
                check(places < Int.MAX_VALUE / maxOf(1, biases.size))
                val bias = whole("bias", text("bias"))
                if (!Convolution.isExact(image[0], size, pool, bias)) {
                    throw ElmException("the sums of the convolution are too large to be exact")
                }
                Convolution(image, weights, biases, size, pool, bias)
            }

            "dense" -> {
                val activation = Activation.values().find { it.name.lowercase() == text("activation") }
                check(activation != null && axes.contentEquals(lengths(biases.size, inputs.toInt())))
                Dense(shape, weights, biases, activation!!)
            }

            else -> throw ElmException("the hidden layer is of an unknown kind: $kind")
        }
    }

    /** The labels of the classes; empty if the model is a regression. */
    private val labels: List<String> get() = file.metadata["${PREFIX}classes"]?.split('\n') ?: emptyList()

    /** Returns the weights of each output, one for each of the [features]. */
    private fun output(features: Int): Array<DoubleArray> {
        val bias = floats("output.bias")
        val output = floats("output.weight")
        check(file.tensor("output.weight").shape.firstOrNull() == bias.size.toLong())
        check(output.size.toLong() == bias.size * (features - 1L) && (labels.isEmpty() || labels.size == bias.size))
        return Array(bias.size) { row ->
            DoubleArray(features) {
                (if (it == 0) bias[row] else output[row * (features - 1) + it - 1]).toDouble()
            }
        }
    }

    private fun text(key: String): String = file.metadata[PREFIX + key]
        ?: throw ElmException("the file does not contain an Extreme Learning Machine: its metadata has no $PREFIX$key")

    private fun positive(key: String, text: String): Int = whole(key, text).also {
        if (it == 0) throw ElmException("$PREFIX$key contains \"$text\", which is not a positive integer")
    }

    private fun whole(key: String, text: String): Int = text.toIntOrNull()?.takeIf { it >= 0 }
        ?: throw ElmException("$PREFIX$key contains \"$text\", which is not an integer of at least 0")

    private fun floats(name: String): FloatArray {
        val tensor = if (name in file) file.load(name) else throw ElmException("the file has no tensor $name")
        if (tensor.dtype != DType.F32) throw ElmException("$name has elements of ${tensor.dtype.label}, not f32")
        val elements = tensor.buffer.asFloatBuffer()
        val numbers = FloatArray(elements.remaining()).also(elements::get)
        if (!numbers.all(Float::isFinite)) throw ElmException("$name has numbers that are not finite")
        return numbers
    }

    private inline fun <T> allocating(read: () -> T): T = try {
        read()
    } catch (e: OutOfMemoryError) {
        throw ElmException("there is not enough memory for the Extreme Learning Machine", e)
    }

    private fun lengths(vararg axes: Int) = LongArray(axes.size) { axes[it].toLong() }

    private fun check(fits: Boolean) {
        if (!fits) throw ElmException("the parts of the Extreme Learning Machine do not fit together")
    }

    private companion object {
        const val PREFIX = "elm."
    }
}
