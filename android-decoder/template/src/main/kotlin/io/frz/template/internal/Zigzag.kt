package io.frz.template.internal

/** The zigzag order; see `spec/format.md`, section 5. */
internal object Zigzag {
    /**
     * Returns the places of the first [count] indices of the shape [lengths], as positions in row-major order in their
     * [box]. This function calls [check] every few milliseconds, which can cancel it by an exception.
     */
    fun places(lengths: LongArray, box: IntArray, count: Int, check: () -> Unit): IntArray {
        val index = IntArray(box.size)
        return IntArray(count) { i ->
            if (i % MANY == 0) check()
            if (i > 0) next(index, lengths)
            var place = 0
            for (axis in index.indices) {
                if (index[axis] >= box[axis]) throw outside(box)
                place = place * box[axis] + index[axis]
            }
            place
        }
    }

    /** Replaces [index] with the one that follows. */
    private fun next(index: IntArray, lengths: LongArray) {
        var rest = 0
        for (j in index.indices.reversed()) {
            if (rest >= 1 && index[j] < lengths[j] - 1) {
                index[j]++
                return fill(index, lengths, j + 1, rest - 1)
            }
            rest += index[j]
        }
        fill(index, lengths, 0, rest + 1)
    }

    /** Distributes [sum] over the axes from [first] on, as far back as possible. */
    private fun fill(index: IntArray, lengths: LongArray, first: Int, sum: Int) {
        var rest = sum
        for (axis in index.indices.reversed()) {
            if (axis < first) return
            index[axis] = minOf(rest.toLong(), lengths[axis] - 1).toInt()
            rest -= index[axis]
        }
    }

    private fun outside(box: IntArray) = damaged("the box ${box.asList()} does not contain all coefficients")
}
