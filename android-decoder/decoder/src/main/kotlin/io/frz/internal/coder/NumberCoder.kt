package io.frz.internal.coder

import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum

/** A coder of integers, and of floats as integers with mantissas. */
internal abstract class NumberCoder : SegmentCoder {
    override fun takes(type: DType, areIntegers: Boolean): Boolean = areIntegers || FloatFormat.of(type) != null

    override fun mostValues(stored: Long): Long = saturatedProduct(MOST_PER_BYTE, saturatedSum(stored, DROPPED_BYTES))

    override fun workingBytes(group: Group): Long {
        var most = 0L
        for (tier in group.numbers.sizes.indices) {
            for (i in 0 until group.size) {
                for (run in Run.of(group, i, tier)) for (block in run.blocks) most = maxOf(most, workingBytes(block))
            }
        }
        return most
    }

    /** The memory that decoding [block] takes. */
    protected abstract fun workingBytes(block: Block): Long

    override fun decoder(group: Group): SegmentDecoder {
        val integers = integers(group)
        val type = group.valueType
        val format = if (group.numbers.isStepped) null else FloatFormat.of(type)
        return SegmentDecoder { segment, count ->
            val bytes = SegmentPart(segment, 0, segment.size)
            if (format == null) {
                IntegerStream(BlockReader(integers(bytes)), type, count)
            } else {
                FloatStream(bytes, integers, format, type, count)
            }
        }
    }

    /** The decoders of the integers of each segment of [group], in the order of tiers. */
    protected abstract fun integers(group: Group): (bytes: SegmentPart) -> IntegerDecoder

    private companion object {
        const val MOST_PER_BYTE = 1L shl 16

        /** The number of zero bytes that may be missing at the end of a stream. */
        const val DROPPED_BYTES = 16L
    }
}

/** Integers, stored as they are. */
private class IntegerStream(private val integers: BlockReader, type: DType, count: Long) : NumberStream(type, count) {
    override fun start(run: Run) = integers.start(run)

    override fun read(target: IntArray, from: Int, count: Int) = integers.read(target, from, count)

    override fun finish() = integers.finish()
}
