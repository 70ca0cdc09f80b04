package io.frz.internal.rebuild

/** The contiguous lines that a corner of shape [sizes] occupies in a row-major array of shape [lengths]. */
internal class Lines(private val lengths: IntArray, private val sizes: IntArray) {
    private val last = sizes.size - 1

    /** The number of lines. */
    val count: Int = (0 until last).fold(1) { product, axis -> product * sizes[axis] }

    /** The length of each line. */
    val length: Int = if (sizes.isEmpty()) 1 else sizes[last]

    /** The number of values in all lines. */
    val values: Long get() = count.toLong() * length

    /** Whether the corner is the whole array. */
    val areAll: Boolean get() = lengths.contentEquals(sizes)

    /** Returns the index in the array where line [number] begins. */
    fun start(number: Int): Int {
        var rest = number
        var start = 0
        var stride = if (sizes.isEmpty()) 1 else lengths[last]
        for (axis in last - 1 downTo 0) {
            start += rest % sizes[axis] * stride
            rest /= sizes[axis]
            stride *= lengths[axis]
        }
        return start
    }

    companion object {
        /**
         * Returns the lines of a tensor with [axes] that are computed from core entries; all other elements are zero.
         */
        fun of(axes: List<Axis>) = Lines(
            IntArray(axes.size) { axes[it].length },
            IntArray(axes.size) { axes[it].run { if (basis == null) terms else length } }
        )
    }
}
