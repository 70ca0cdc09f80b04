package io.frz.internal.products

/** A method of multiplying an axis by its basis. */
internal enum class Method {
    /** Sums of source rows, weighted by the basis functions at a point. */
    ROWS,

    /** Sums of basis functions, weighted by a source line. */
    FUNCTIONS,

    /** Like [FUNCTIONS], but for a few long lines that are computed block by block; see [BlockProduct]. */
    BLOCKS,

    /** Fast transforms of many lines side by side. */
    SIDE_BY_SIDE,

    /** Fast transforms of long lines, one after the other. */
    ONE_BY_ONE
    ;

    companion object {
        /** The maximum number of terms for which plain sums are faster than transforms. */
        const val MOST_TERMS = 64

        /** The smallest length of a line for which [BLOCKS] is faster than [FUNCTIONS]. */
        private const val LEAST_LENGTH = 512

        /**
         * Returns the method for [lines] lines of [terms] terms and [length] points each. Groups of [inner] lines are
         * side by side in memory.
         */
        fun of(lines: Long, terms: Int, length: Int, inner: Long, hasTransform: Boolean): Method = when {
            !hasTransform -> if (inner >= AxisProduct.LEAST_ROW) ROWS else FUNCTIONS
            terms > MOST_TERMS -> transform(lines, terms, length, inner)
            inner >= AxisProduct.LEAST_ROW -> ROWS
            length <= MOST_TERMS && lines >= MOST_TERMS -> SIDE_BY_SIDE
            lines >= terms || length < LEAST_LENGTH -> FUNCTIONS
            else -> BLOCKS
        }

        private fun transform(lines: Long, terms: Int, length: Int, inner: Long): Method {
            val isDivisible = Grid.sizeOf(length, terms) % OneByOne.LANES == 0L
            return if (isDivisible &&
                SideBySide.widthOf(lines, terms, length, inner) < SideBySide.LEAST_WIDTH
            ) {
                ONE_BY_ONE
            } else {
                SIDE_BY_SIDE
            }
        }

        /** Returns the approximate time per value of the result, in nanoseconds. */
        fun cost(lines: Long, terms: Int, length: Int, inner: Long, hasTransform: Boolean): Double {
            val method = of(lines, terms, length, inner, hasTransform)
            val size = Grid.sizeOf(length, terms).toDouble()
            val steps = Math.log(size) / Math.log(2.0)
            val isWhole = size == length.toDouble()
            return when (method) {
                ROWS -> 1 + TERM * terms + BASIS * terms / lines
                FUNCTIONS -> (if (inner > 1) 3 else 1) + TERM * terms + BASIS * terms / lines
                BLOCKS -> 2 + 2 * TERM * terms
                SIDE_BY_SIDE -> size / length * (0.4 * steps + 2) + (if (isWhole) 2 else 4)
                ONE_BY_ONE -> size / length * (0.7 * steps + 6) + (if (isWhole) 2 else 10)
            }
        }

        private const val TERM = 0.15
        private const val BASIS = 4.0
    }
}
