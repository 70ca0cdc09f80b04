package io.frz.elm.internal

import io.frz.elm.HiddenLayer
import kotlin.math.tanh

/** A fully connected layer: activation(W · x + b), summed in binary64. */
internal class Dense(
    shape: IntArray,
    private val weights: FloatArray,
    private val biases: FloatArray,
    private val activation: Activation
) : HiddenLayer(shape) {
    override val features: Int = 1 + biases.size

    override fun features(input: FloatArray): DoubleArray {
        checkSize(input.size)
        // A single such number would spoil all later solutions of a learner.
        require(input.all(Float::isFinite)) { "the input has numbers that are not finite" }
        return DoubleArray(features) { feature ->
            if (feature == 0) {
                1.0
            } else {
                var sum = biases[feature - 1].toDouble()
                val from = (feature - 1) * inputSize
                for (i in input.indices) sum += weights[from + i].toDouble() * input[i]
                activation.of(sum)
            }
        }
    }
}

/** The activation function, which turns the sum of a neuron into its feature. */
internal enum class Activation {
    TANH {
        override fun of(sum: Double) = tanh(sum)
    },
    RELU {
        override fun of(sum: Double) = maxOf(sum, 0.0)
    };

    abstract fun of(sum: Double): Double
}
