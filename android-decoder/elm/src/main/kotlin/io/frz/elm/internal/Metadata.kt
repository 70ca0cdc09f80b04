package io.frz.elm.internal

import io.frz.DType
import io.frz.FrzFile
import io.frz.elm.ElmException
import io.frz.elm.ElmModel
import io.frz.elm.HiddenLayer

/** Reads the parts of an Extreme Learning Machine from a file, as stored by `frformat.train.elm`. */
internal class Metadata(private val file: FrzFile) {
    fun hiddenLayer(): HiddenLayer {
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
                Convolution(image, weights, biases, size, pool, whole("bias", text("bias")))
            }

            "dense" -> {
                val activation = Activation.values().find { it.name.lowercase() == text("activation") }
                check(activation != null && axes.contentEquals(lengths(biases.size, inputs.toInt())))
                Dense(shape, weights, biases, activation!!)
            }

            else -> throw ElmException("the hidden layer is of an unknown kind: $kind")
        }
    }

    fun model(): ElmModel {
        val hidden = hiddenLayer()
        val bias = floats("output.bias")
        val output = floats("output.weight")
        val labels = file.metadata["${PREFIX}classes"]?.split('\n') ?: emptyList()
        check(file.tensor("output.weight").shape.firstOrNull() == bias.size.toLong())
        check(output.size == bias.size * (hidden.features - 1) && (labels.isEmpty() || labels.size == bias.size))
        val weights = Array(bias.size) { row ->
            DoubleArray(hidden.features) {
                (if (it == 0) bias[row] else output[row * (hidden.features - 1) + it - 1]).toDouble()
            }
        }
        return ElmModel(hidden, labels, weights)
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
        return FloatArray(elements.remaining()).also(elements::get)
    }

    private fun lengths(vararg axes: Int) = LongArray(axes.size) { axes[it].toLong() }

    private fun check(fits: Boolean) {
        if (!fits) throw ElmException("the parts of the Extreme Learning Machine do not fit together")
    }

    private companion object {
        const val PREFIX = "elm."
    }
}
