package io.frz.internal.dct

/**
 * The orthonormal DCT-II basis of [length] points, U in section 6 of the specification.
 *
 * It is read from a quarter wave of length + 1 cosines, so that its memory does not grow with the number of functions
 * in use, and every value is reduced in integers before its cosine is taken.
 */
internal class Basis(private val length: Int) {
    private val period = 4L * length
    private val constant = Math.sqrt(1.0 / length)
    private val amplitude = Math.sqrt(2.0 / length)
    private val quarter = DoubleArray(length + 1) { amplitude * Math.cos(Math.PI * it / (2.0 * length)) }

    /** The most that function [k] ever reaches. */
    fun bound(k: Int): Double = if (k == 0) constant else amplitude

    /** The first [count] functions at [point], in [out] from [to] on. */
    fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int = 0) {
        out[to] = constant
        val step = 2L * point + 1
        var phase = 0L
        for (k in 1 until count) {
            phase += step
            if (phase >= period) phase -= period
            out[to + k] = cosine(phase)
        }
    }

    /** Function [k] at [count] points from [first] on. */
    fun function(k: Int, first: Int, count: Int, out: DoubleArray) {
        if (k == 0) return out.fill(constant, 0, count)
        val step = 2L * k
        var phase = (2L * first + 1) * k % period
        for (i in 0 until count) {
            out[i] = cosine(phase)
            phase += step
            if (phase >= period) phase -= period
        }
    }

    private fun cosine(phase: Long): Double {
        val folded = if (phase > 2L * length) period - phase else phase
        return if (folded <= length) quarter[folded.toInt()] else -quarter[(2L * length - folded).toInt()]
    }
}
