package io.frz.template.internal

/**
 * The scale and shift of each channel of [normalization]. All implementations compute in 64-bit floats and round only
 * the results to 32 bits, so that their results are bit-identical.
 */
internal class Scale(private val normalization: Normalization, tensor: (String) -> Elements) {
    private val variance = tensor(normalization.variance)
    private val mean = tensor(normalization.mean)
    private val weight = normalization.weight?.let(tensor)
    private val bias = normalization.bias?.let(tensor)

    /**
     * Returns the elements of a [Kind.SCALED] value computed from [tensor], or the scale itself if [tensor] is null.
     */
    fun scaled(tensor: Elements?, channels: Int, inner: Int): Elements {
        val scale = DoubleArray(channels, ::factor)
        return Derived { finite((tensor?.double(it) ?: 1.0) * scale[it / inner % channels]) }
    }

    /**
     * Returns the elements of a [Kind.SHIFTED] value computed from the bias [tensor]. If [tensor] is null, the bias is
     * 0.
     */
    fun shifted(tensor: Elements?): Elements = Derived {
        finite(((tensor?.double(it) ?: 0.0) - mean.double(it)) * factor(it) + (bias?.double(it) ?: 0.0))
    }

    private fun factor(channel: Int): Double =
        (weight?.double(channel) ?: 1.0) / Math.sqrt(variance.double(channel) + normalization.eps)

    private fun finite(exact: Double): Float {
        val rounded = exact.toFloat()
        if (rounded.isNaN() || rounded.isInfinite()) {
            throw mismatch("the normalization of ${normalization.variance} yields weights that do not fit into f32")
        }
        return rounded
    }

    private class Derived(private val compute: (Int) -> Float) : Elements {
        override fun float(index: Int) = compute(index)
    }
}

private fun Elements.double(index: Int): Double = float(index).toDouble()
