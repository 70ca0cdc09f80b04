package io.frz.internal.zigzag

/** Visits indices in zigzag order, run by run; see [Zigzag.walk]. */
internal fun interface RunVisitor {
    /**
     * Called for [count] consecutive indices, the first of which is at [position] in the order. Their offsets are
     * [offset], [offset] + [step], and so on.
     */
    fun visit(position: Int, count: Int, offset: Int, step: Int)
}

/**
 * The zigzag order of a shape: multi-indices sorted by the sum of their entries, then lexicographically; see section 5
 * of the specification.
 */
internal object Zigzag {
    /**
     * Visits the first [count] indices of [shape] as offsets into a box with [strides]. Consecutive indices
     * that differ only on the last two axes (of those longer than 1) form one run.
     */
    fun walk(shape: LongArray, count: Int, strides: IntArray, visitor: RunVisitor) {
        if (count == 0) return
        val axes = shape.indices.filter { shape[it] > 1 }
        val lengths = LongArray(axes.size) { shape[axes[it]] }
        val steps = IntArray(axes.size) { strides[axes[it]] }
        when (axes.size) {
            0 -> visitor.visit(0, 1, 0, 0)
            1 -> for (at in 0 until count step RUN) visitor.visit(at, minOf(RUN, count - at), at * steps[0], steps[0])
            else -> Walk(lengths, count, steps, visitor).run()
        }
    }

    private class Walk(
        private val lengths: LongArray,
        private val count: Int,
        private val steps: IntArray,
        private val visitor: RunVisitor
    ) {
        private val tails = tails(lengths)
        private val last = lengths.size - 1
        private var position = 0

        fun run() {
            var sum = 0L
            while (position < count) visit(0, sum++, 0)
        }

        /** Visits all indices whose entries on [axis] and later axes add up to [rest]. */
        private fun visit(axis: Int, rest: Long, offset: Int) {
            val from = maxOf(0, rest - tails[axis])
            val to = minOf(rest, lengths[axis] - 1)
            if (axis == last - 1) return visitRun(rest, from, to, offset)
            var i = from
            while (i <= to && position < count) {
                visit(axis + 1, rest - i, offset + i.toInt() * steps[axis])
                i++
            }
        }

        private fun visitRun(rest: Long, from: Long, to: Long, offset: Int) {
            val length = minOf(to - from + 1, (count - position).toLong()).toInt()
            val start = offset + from.toInt() * steps[last - 1] + (rest - from).toInt() * steps[last]
            visitor.visit(position, length, start, steps[last - 1] - steps[last])
            position += length
        }
    }

    /** The maximum length of a run along a single axis. */
    private const val RUN = 1 shl 16

    /** Returns, for each axis, the largest sum of the axes after it. */
    fun tails(lengths: LongArray): LongArray {
        val tails = LongArray(lengths.size)
        for (axis in lengths.size - 2 downTo 0) tails[axis] = tails[axis + 1] + lengths[axis + 1] - 1
        return tails
    }
}
