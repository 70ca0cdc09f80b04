package io.frz.internal.dct

/**
 * The multi-indices of a shape in zigzag order: by the sum of their entries, those of equal sum in ascending
 * lexicographic order. One step costs as much as the shape has axes; section 5 of the specification.
 *
 * Axes of length 1 take part with the index 0. The walk starts at the first index.
 */
internal class Zigzag(shape: LongArray) {
    private val last = LongArray(shape.size) { shape[it] - 1 }

    /** The current index. */
    val index = LongArray(shape.size)

    /** Goes on to the next index, which must exist. */
    fun advance() {
        var behind = 0L
        for (axis in index.indices.reversed()) {
            if (behind > 0 && index[axis] < last[axis]) {
                index[axis]++
                spread(behind - 1, axis + 1)
                return
            }
            behind += index[axis]
        }
        spread(behind + 1, 0)
    }

    /** Gives [sum] to the axes from [first] on so that the index is the lexicographically first one. */
    private fun spread(sum: Long, first: Int) {
        var left = sum
        for (axis in index.indices.reversed()) {
            if (axis < first) break
            index[axis] = minOf(left, last[axis])
            left -= index[axis]
        }
    }

    companion object {
        /** The smallest corner of [shape] that contains its first [count] indices. */
        fun box(shape: LongArray, count: Int): LongArray {
            val box = LongArray(shape.size)
            forEach(shape, count) { _, index ->
                for (axis in box.indices) box[axis] = maxOf(box[axis], index[axis] + 1)
            }
            return box
        }

        /** Calls [visit] with each of the first [count] indices, in an array not to be kept, and its position. */
        inline fun forEach(shape: LongArray, count: Int, visit: (position: Int, index: LongArray) -> Unit) {
            val walk = Zigzag(shape)
            for (position in 0 until count) {
                if (position > 0) walk.advance()
                visit(position, walk.index)
            }
        }
    }
}
