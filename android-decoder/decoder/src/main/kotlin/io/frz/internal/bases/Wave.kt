package io.frz.internal.bases

/** Cosines and sines of π · phase / (2 · [length]) for integer phases. A full turn is 4 · [length]. */
internal class Wave(private val length: Int) {
    private val turn = 4L * length
    private val unit = Math.PI / (2.0 * length)

    fun cosine(phase: Long): Double = Math.cos(unit * (phase % turn))

    fun sine(phase: Long): Double = Math.sin(unit * (phase % turn))

    /** Writes [amplitude] · cosine([start] + i·[step]) to [out], starting at [to], for i from 0 to [count] − 1. */
    fun cosines(start: Long, step: Long, count: Int, amplitude: Double, out: DoubleArray, to: Int) =
        visit(start, step, count, amplitude) { i, cosine, _ -> out[to + i] = cosine }

    /** Writes [amplitude] · sine([start] + i·[step]) to [out], starting at [to], for i from 0 to [count] − 1. */
    fun sines(start: Long, step: Long, count: Int, amplitude: Double, out: DoubleArray, to: Int) =
        visit(start, step, count, amplitude) { i, _, sine -> out[to + i] = sine }

    /**
     * Computes each point from the previous one by a rotation, and restarts from an exact point before errors
     * accumulate.
     */
    private inline fun visit(
        start: Long,
        step: Long,
        count: Int,
        amplitude: Double,
        point: (i: Int, cosine: Double, sine: Double) -> Unit
    ) {
        val stepCosine = cosine(step)
        val stepSine = sine(step)
        val reduced = step % turn
        var phase = start % turn
        for (first in 0 until count step RUN) {
            var cosine = amplitude * cosine(phase)
            var sine = amplitude * sine(phase)
            for (i in first until minOf(first + RUN, count)) {
                point(i, cosine, sine)
                val next = cosine * stepCosine - sine * stepSine
                sine = cosine * stepSine + sine * stepCosine
                cosine = next
            }
            phase = (phase + RUN * reduced) % turn
        }
    }

    private companion object {
        /** The number of rotations before a restart; each rotation adds a rounding error. */
        const val RUN = 32
    }
}
