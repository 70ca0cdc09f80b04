package io.frz.internal.products

import io.frz.internal.Request
import io.frz.internal.bases.Wave

/**
 * The plan of a [CosineSums] of [length]: one step for each prime factor, odd factors first. Instances are immutable
 * and can be shared by threads.
 *
 * A *node* of a step is a polynomial Σ x\[k]·T\[k] modulo T\[m·q] − cos φ, where q is the step's radix and T are the
 * Chebyshev polynomials. The step turns it into q polynomials modulo T\[m] − cos φ', where φ' = (φ + 2πj) / q.
 */
internal class CosineSteps(val length: Int, request: Request) {
    val steps: List<CosineStep>

    /** For each row after the last step, the index of the point of the axis whose value the row contains. */
    val points: IntArray

    init {
        val wave = Wave(length)
        val steps = ArrayList<CosineStep>()
        // Angles of nodes are multiples of π / 2n, where n is the number of nodes.
        var angles = intArrayOf(1)
        var rest = length
        for (radix in radices(length)) {
            rest /= radix
            val children = children(angles, radix)
            steps.add(
                if (radix == 2) {
                    Halving(rest, cosines(wave, children, rest, 2, request))
                } else {
                    Splitting(rest, radix, cosines(wave, children, rest, 1, request))
                }
            )
            angles = children
        }
        this.steps = steps
        points = IntArray(length) { angles[it] / 2 }
    }

    /** Returns the angles of the [radix] children of each node, in units [radix] times smaller. */
    private fun children(angles: IntArray, radix: Int): IntArray {
        val turn = 4L * angles.size
        return IntArray(angles.size * radix) {
            val angle = angles[it / radix] + it % radix * turn
            minOf(angle, turn * radix - angle).toInt()
        }
    }

    /** Returns the cosine of every [every]th of [angles], which are in units of [unit] phases. */
    private fun cosines(wave: Wave, angles: IntArray, unit: Int, every: Int, request: Request): DoubleArray {
        val cosines = DoubleArray(angles.size / every)
        for (node in cosines.indices) {
            if (node % CHECKED == 0) request.check()
            cosines[node] = wave.cosine(angles[node * every].toLong() * unit)
        }
        return cosines
    }

    companion object {
        private const val MOST_PRIME = 13
        private const val SHORT = 64
        private val MULTIPLES = intArrayOf(8, 9, 10, 12, 14, 15, 16)
        private const val CHECKED = 1 shl 14

        /** Returns whether sums of [length] are fast: whether it is short or has only small prime factors. */
        fun isQuick(length: Int): Boolean = length <= SHORT || radices(length).all { it <= MOST_PRIME }

        /** Returns a fast length that is a multiple of [OneByOne.LANES] and at least [least], but not much longer. */
        fun quickLength(least: Long): Long {
            var unit = OneByOne.LANES.toLong()
            if (least <= MULTIPLES.first() * unit) return (least + unit - 1) / unit * unit
            while (MULTIPLES.last() * unit < least) unit *= 2
            return MULTIPLES.first { it * unit >= least } * unit
        }

        /** Returns the prime factors of [length], the largest first. */
        private fun radices(length: Int): List<Int> {
            val radices = ArrayList<Int>()
            var rest = length
            var prime = 2
            while (rest > 1) {
                if (prime.toLong() * prime > rest) prime = rest
                while (rest % prime == 0) {
                    radices.add(0, prime)
                    rest /= prime
                }
                prime++
            }
            return radices
        }

        /** Returns an upper bound on the memory of an instance for [length]. */
        fun bytes(length: Long): Long = (Double.SIZE_BYTES * 3L + Int.SIZE_BYTES * 3L) * length
    }
}

/** One step of a cosine sum: divides each node of [radix] · [size] rows into [radix] nodes of [size] rows. */
internal sealed class CosineStep(val size: Int, val radix: Int)

/** Divides each node into two nodes with opposite cosines; [cosines] contains the first of each pair. */
internal class Halving(size: Int, val cosines: DoubleArray) : CosineStep(size, 2)

/** Divides each node into [radix] nodes with these [cosines]. */
internal class Splitting(size: Int, radix: Int, val cosines: DoubleArray) : CosineStep(size, radix)
