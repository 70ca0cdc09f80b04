package io.frz.internal.coder

/** Decodes the integers of a segment, or of a part of one, block by block. */
internal interface IntegerDecoder {
    /** Starts [block]; all values of the previous block must have been read. */
    fun start(block: Block)

    /** Writes the next [count] integers of the block to [target], starting at [from]. */
    fun read(target: IntArray, from: Int, count: Int)

    /** Finishes decoding and checks that all bytes have been consumed. */
    fun finish()
}

/** Reads integers across block boundaries. */
internal class BlockReader(private val integers: IntegerDecoder) {
    private var blocks = emptyList<Block>()
    private var next = 0
    private var left = 0L

    /** Starts [run]. */
    fun start(run: Run) {
        blocks = run.blocks
        next = 0
        left = 0
    }

    fun read(target: IntArray, from: Int, count: Int) {
        var done = 0
        while (done < count) {
            if (left == 0L) {
                val block = blocks[next++]
                integers.start(block)
                left = block.count
            }
            val part = minOf(left, (count - done).toLong()).toInt()
            integers.read(target, from + done, part)
            done += part
            left -= part
        }
    }

    fun finish(): Unit = integers.finish()
}
