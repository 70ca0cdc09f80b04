package io.frz.elm.internal

import io.frz.elm.HiddenLayer

/**
 * Convolution filters with zero mean, followed by ReLU and average pooling, for images of unsigned bytes.
 *
 * Let U be the n seeded weights of a filter, K the integers 2²³ · U, u the filter's seeded bias, and x the bytes of a
 * window of size × size pixels. The filter's response is Σ (n · K − ΣK) · x + n · size · bias · 2²³ · u. A feature is
 * the sum of the positive responses in a square of pool × pool windows, divided by n · 2²³ · 255 · size · pool². All
 * sums are sums of integers and remain below 2⁵³, so they are exact in any order.
 */
internal class Convolution(shape: IntArray, weights: FloatArray, biases: FloatArray, size: Int, pool: Int, bias: Int) :
    HiddenLayer(shape) {
    private val channels = shape[0]
    private val height = shape[1]
    private val width = shape[2]
    private val size = size
    private val pool = pool
    private val filters = biases.size
    private val rows = (height - size + 1) / pool
    private val columns = (width - size + 1) / pool
    private val taps = channels * size * size
    private val divisor = taps.toDouble() * HALF * 255 * size * pool * pool
    private val thresholds = DoubleArray(filters) { biases[it].toDouble() * HALF * taps * size * bias }

    /** For each tap, the integer weights n · K − ΣK of all filters. */
    private val kernels = Array(taps) { DoubleArray(filters) }

    override val features: Int = 1 + filters * rows * columns

    init {
        for (filter in 0 until filters) {
            var sum = 0.0
            for (tap in 0 until taps) sum += weights[filter * taps + tap].toDouble() * HALF
            for (tap in 0 until taps) {
                kernels[tap][filter] = taps * (weights[filter * taps + tap].toDouble() * HALF) - sum
            }
        }
    }

    override fun features(image: ByteArray): DoubleArray {
        checkSize(image.size)
        val out = DoubleArray(features)
        val responses = DoubleArray(filters)
        for (y in 0 until rows * pool) {
            for (x in 0 until columns * pool) {
                respond(image, y, x, responses)
                val place = 1 + y / pool * columns + x / pool
                for (filter in 0 until filters) {
                    val response = responses[filter]
                    if (response > 0) out[place + filter * rows * columns] += response
                }
            }
        }
        for (i in out.indices) out[i] /= divisor
        out[0] = 1.0
        return out
    }

    private fun respond(image: ByteArray, top: Int, left: Int, responses: DoubleArray) {
        thresholds.copyInto(responses)
        for (channel in 0 until channels) {
            for (dy in 0 until size) {
                val from = (channel * height + top + dy) * width + left
                for (dx in 0 until size) {
                    val pixel = (image[from + dx].toInt() and 0xFF).toDouble()
                    if (pixel == 0.0) continue
                    val kernel = kernels[(channel * size + dy) * size + dx]
                    for (filter in responses.indices) responses[filter] += kernel[filter] * pixel
                }
            }
        }
    }

    companion object {
        /** 2²³; seeded numbers are odd multiples of its reciprocal. */
        private const val HALF = 8388608.0

        /** Returns whether all sums are at most 2⁵³, so that 64-bit floats represent them exactly. */
        fun isExact(channels: Int, size: Int, pool: Int, bias: Int): Boolean {
            val taps = channels.toBigInteger() * size.toBigInteger().pow(2)
            val window = taps * (2 * 255).toBigInteger() + size.toBigInteger() * bias.toBigInteger()
            val largest = taps * window * HALF.toLong().toBigInteger() * pool.toBigInteger().pow(2)
            return largest <= 1.toBigInteger().shiftLeft(53)
        }
    }
}
