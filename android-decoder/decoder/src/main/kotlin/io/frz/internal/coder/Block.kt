package io.frz.internal.coder

/**
 * Values that a number coder encodes as a unit, in row-major order and in the shape [rows] × [channels] × [positions];
 * see section 9.1 of the specification.
 *
 * @property areOffsets whether the values are step offsets rather than entries of a core
 */
internal data class Block(val rows: Long, val channels: Long, val positions: Long, val areOffsets: Boolean) {
    /** The number of values in a row. */
    val columns: Long = channels * positions

    /** The number of values. */
    val count: Long = rows * columns

    /** Whether channels are modeled separately. */
    val hasChannels: Boolean get() = channels > 1

    /** Whether positions are modeled separately, which pays off only if each occurs more than once. */
    val hasPositions: Boolean get() = positions > 1 && (rows > 1 || channels > 1)

    companion object {
        /** Returns a block of [count] values in a single row and channel. */
        fun line(count: Long, areOffsets: Boolean = false) = Block(1, 1, count, areOffsets)

        /** Returns the block of the entries of a core that fills a box of [shape]. */
        fun of(shape: LongArray): Block = when (shape.size) {
            0 -> line(1)
            1 -> line(shape[0])
            else -> Block(shape[0], shape[1], shape.drop(2).fold(1L, Long::times), areOffsets = false)
        }
    }
}
