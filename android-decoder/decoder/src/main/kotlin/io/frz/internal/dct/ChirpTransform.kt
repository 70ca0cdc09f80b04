package io.frz.internal.dct

/**
 * The inverse DCT of a line of [length] values from its first [terms] coefficients in O(length · log length), for any
 * length, by Bluestein's algorithm: with w(j) = exp(iπj²/2n), a cosine sum is the real part of a convolution with w.
 */
internal class ChirpTransform(private val length: Int, private val terms: Int) {
    private val fourier = FourierTransform(convolutionSize(length, terms).toInt())
    private val kernel = DoubleArray(2 * fourier.length)
    private val line = DoubleArray(2 * fourier.length)
    private val before = turns(terms) { it * (it + 1) }
    private val after = turns(length) { it * it }

    init {
        for (j in 0 until length) setKernel(j, j)
        for (j in 1 until terms) setKernel(fourier.length - j, j)
        fourier.transform(kernel, inverse = false)
    }

    private fun setKernel(at: Int, j: Int) {
        kernel[2 * at] = after[2 * j]
        kernel[2 * at + 1] = -after[2 * j + 1]
    }

    /** Transforms the line of [source] that starts at [from] into that of [target] at [to], both with [stride]. */
    fun line(source: DoubleArray, from: Int, target: DoubleArray, to: Int, stride: Int) {
        line.fill(0.0)
        for (k in 0 until terms) {
            val value = source[from + k * stride] * Math.sqrt((if (k == 0) 1.0 else 2.0) / length)
            line[2 * k] = value * before[2 * k]
            line[2 * k + 1] = value * before[2 * k + 1]
        }
        fourier.transform(line, inverse = false)
        for (j in 0 until fourier.length) {
            val re = line[2 * j] * kernel[2 * j] - line[2 * j + 1] * kernel[2 * j + 1]
            line[2 * j + 1] = line[2 * j] * kernel[2 * j + 1] + line[2 * j + 1] * kernel[2 * j]
            line[2 * j] = re
        }
        fourier.transform(line, inverse = true)
        for (m in 0 until length) {
            target[to + m * stride] = line[2 * m] * after[2 * m] - line[2 * m + 1] * after[2 * m + 1]
        }
    }

    /** exp(iπ·p/2n) for the phases p of 0 until [count], reduced in integers. */
    private inline fun turns(count: Int, phase: (Long) -> Long): DoubleArray {
        val turns = DoubleArray(2 * count)
        for (j in 0 until count) {
            val angle = Math.PI * (phase(j.toLong()) % (4L * length)) / (2.0 * length)
            turns[2 * j] = Math.cos(angle)
            turns[2 * j + 1] = Math.sin(angle)
        }
        return turns
    }

    companion object {
        /** The memory of a transform: two complex arrays, the roots of unity and the turns before and after. */
        fun workingBytes(length: Int, terms: Int): Long =
            40L * convolutionSize(length, terms) + 16L * (length.toLong() + terms)

        /** How many complex numbers are convolved. */
        fun convolutionSize(length: Int, terms: Int): Long = java.lang.Long.highestOneBit(length + terms - 2L) * 2
    }
}

/** The discrete Fourier transform of [length] complex numbers, a power of two, in place; scaled when inverse. */
internal class FourierTransform(val length: Int) {
    private val roots = DoubleArray(length).also {
        for (j in 0 until length / 2) {
            it[2 * j] = Math.cos(2 * Math.PI * j / length)
            it[2 * j + 1] = -Math.sin(2 * Math.PI * j / length)
        }
    }

    fun transform(values: DoubleArray, inverse: Boolean) {
        reverseBits(values)
        var half = 1
        while (half < length) {
            val step = length / (2 * half)
            for (start in 0 until length step 2 * half) {
                for (j in start until start + half) butterfly(values, j, j + half, (j - start) * step, inverse)
            }
            half *= 2
        }
        if (inverse) for (i in 0 until 2 * length) values[i] /= length.toDouble()
    }

    private fun butterfly(values: DoubleArray, a: Int, b: Int, root: Int, inverse: Boolean) {
        val rootRe = roots[2 * root]
        val rootIm = if (inverse) -roots[2 * root + 1] else roots[2 * root + 1]
        val re = values[2 * b] * rootRe - values[2 * b + 1] * rootIm
        val im = values[2 * b] * rootIm + values[2 * b + 1] * rootRe
        values[2 * b] = values[2 * a] - re
        values[2 * b + 1] = values[2 * a + 1] - im
        values[2 * a] += re
        values[2 * a + 1] += im
    }

    private fun reverseBits(values: DoubleArray) {
        val shift = Integer.numberOfLeadingZeros(length) + 1
        for (i in 0 until length) {
            val j = Integer.reverse(i) ushr shift
            if (j > i) {
                swap(values, 2 * i, 2 * j)
                swap(values, 2 * i + 1, 2 * j + 1)
            }
        }
    }

    private fun swap(values: DoubleArray, a: Int, b: Int) {
        val value = values[a]
        values[a] = values[b]
        values[b] = value
    }
}
