package io.frz.internal.products

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Rows that fit into the processor's first-level cache. Simple loops compute their weighted sums, and a bulk copy
 * writes the results. Weights are padded with zeros to a multiple of [STRIP]. Instances are not thread-safe.
 *
 * @param terms the number of rows to sum
 * @property length the maximum number of values of a row that are loaded at a time
 * @param longest the maximum number of values that are written at a time
 */
internal abstract class Panel(terms: Int, val length: Int, longest: Int) {
    /** The number of rows, rounded up to whole strips. */
    protected val rows: Int = padded(terms)

    /** The capacity of the stage: the buffer in which values are arranged before they are written. */
    protected val staged: Int = minOf(LENGTH, longest)

    /** Loads row [term] with [count] values of [source], starting at [from]. */
    abstract fun load(term: Int, source: DoubleArray, from: Int, count: Int)

    /** Sums the first [count] values of all rows, weighted by [weights], which start at [from]. */
    abstract fun combine(weights: DoubleArray, from: Int, count: Int)

    /** Writes [count] sums to consecutive elements, starting at [at]. */
    abstract fun write(count: Int, at: Int)

    /** Copies [count] sums to every [stride]th place of the stage, starting at [offset]. */
    abstract fun stage(count: Int, offset: Int, stride: Int)

    /** Writes the first [count] values of the stage to consecutive elements, starting at [at]. */
    abstract fun writeStage(count: Int, at: Int)

    companion object {
        /** The maximum number of values to write at a time. */
        const val LENGTH = 1024

        private const val LEAST_LENGTH = 64
        private const val CACHED_VALUES = 4096

        /** Returns how many values of each of [terms] rows fit into the cache, at most [longest]. */
        fun cached(terms: Int, longest: Int): Int =
            (CACHED_VALUES / terms).coerceIn(LEAST_LENGTH, LENGTH).coerceAtMost(longest)
    }
}

/** A panel that sums in binary64. */
internal class DoublePanel(private val terms: Int, length: Int, longest: Int, private val output: Output) :
    Panel(terms, length, longest) {
    private val values = Array(rows) { DoubleArray(length) }
    private val sums = DoubleArray(length)
    private val stage = DoubleArray(staged)

    override fun load(term: Int, source: DoubleArray, from: Int, count: Int) =
        System.arraycopy(source, from, values[term], 0, count)

    override fun combine(weights: DoubleArray, from: Int, count: Int) =
        sumRows(sums, values, 0, terms, weights, from, count)

    override fun write(count: Int, at: Int) = output.put(sums, count, at)

    override fun stage(count: Int, offset: Int, stride: Int) {
        for (i in 0 until count) stage[offset + i * stride] = sums[i]
    }

    override fun writeStage(count: Int, at: Int) = output.put(stage, count, at)
}

/** A panel that sums one or two strips in binary32; used where [FloatBound] allows it. */
internal class FloatPanel(terms: Int, length: Int, longest: Int, target: ByteBuffer) : Panel(terms, length, longest) {
    private val target = target.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
    private val values = Array(rows) { FloatArray(length) }
    private val sums = FloatArray(length)
    private val stage = FloatArray(staged)

    override fun load(term: Int, source: DoubleArray, from: Int, count: Int) {
        val row = values[term]
        for (i in 0 until count) row[i] = source[from + i].toFloat()
    }

    override fun combine(weights: DoubleArray, from: Int, count: Int) {
        sumStrip(weights, from, count)
        if (rows > STRIP) addStrip(weights, from + STRIP, count)
    }

    private fun sumStrip(weights: DoubleArray, from: Int, count: Int) {
        val sums = sums
        val r0 = values[0]
        val r1 = values[1]
        val r2 = values[2]
        val r3 = values[3]
        val w0 = weights[from].toFloat()
        val w1 = weights[from + 1].toFloat()
        val w2 = weights[from + 2].toFloat()
        val w3 = weights[from + 3].toFloat()
        for (i in 0 until count) sums[i] = w0 * r0[i] + w1 * r1[i] + w2 * r2[i] + w3 * r3[i]
    }

    private fun addStrip(weights: DoubleArray, from: Int, count: Int) {
        val sums = sums
        val r0 = values[STRIP]
        val r1 = values[STRIP + 1]
        val r2 = values[STRIP + 2]
        val r3 = values[STRIP + 3]
        val w0 = weights[from].toFloat()
        val w1 = weights[from + 1].toFloat()
        val w2 = weights[from + 2].toFloat()
        val w3 = weights[from + 3].toFloat()
        for (i in 0 until count) sums[i] += w0 * r0[i] + w1 * r1[i] + w2 * r2[i] + w3 * r3[i]
    }

    override fun write(count: Int, at: Int) {
        target.position(at)
        target.put(sums, 0, count)
    }

    override fun stage(count: Int, offset: Int, stride: Int) {
        for (i in 0 until count) stage[offset + i * stride] = sums[i]
    }

    override fun writeStage(count: Int, at: Int) {
        target.position(at)
        target.put(stage, 0, count)
    }
}
