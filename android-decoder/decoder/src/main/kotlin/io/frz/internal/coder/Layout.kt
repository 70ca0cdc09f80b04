package io.frz.internal.coder

/**
 * A box of values as the number coders see it, in row-major order: so many [rows] of [channels] of [positions].
 */
internal class Layout(val rows: Long, val channels: Long, val positions: Long) {
    /** The values of a row. */
    val columns: Long = channels * positions

    /** Whether channels differ. */
    val hasChannels: Boolean get() = channels > 1

    /** Whether positions come again, so that it is of use to tell them apart. */
    val hasPositions: Boolean get() = positions > 1 && (rows > 1 || channels > 1)

    companion object {
        /** The layout of a [run]: of its block if it is one, else of a line. */
        fun of(run: Run): Layout {
            val shape = run.blocks.singleOrNull() ?: longArrayOf(run.count)
            if (shape.size < 2) return line(run.count)
            return Layout(shape[0], shape[1], shape.drop(2).fold(1L, Long::times))
        }

        /** [count] values without rows and channels. */
        fun line(count: Long) = Layout(1, 1, count)
    }
}
