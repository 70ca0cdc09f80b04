package io.frz.internal.rebuild

/** The lines of a corner of [sizes] in the memory of an array of [lengths]; both are in row-major order. */
internal class Lines(private val lengths: IntArray, private val sizes: IntArray) {
    private val last = sizes.size - 1

    /** How many there are. */
    val count: Int = (0 until last).fold(1) { product, axis -> product * sizes[axis] }

    /** How long they are. */
    val length: Int = if (sizes.isEmpty()) 1 else sizes[last]

    /** How many values they have. */
    val values: Long get() = count.toLong() * length

    /** Whether the corner is all of the array. */
    val areAll: Boolean get() = lengths.contentEquals(sizes)

    /** Where line [number] begins in the array. */
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
        /** Those of a tensor, as far as entries of its core reach. */
        fun of(axes: List<Axis>) = Lines(
            IntArray(axes.size) { axes[it].length },
            IntArray(axes.size) { axes[it].run { if (basis == null) terms else length } }
        )
    }
}
