package io.frz.internal.coder

import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum

/** A coder of integers, and of floats split into integers and mantissas. */
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

    /** Returns the memory needed to decode [block]. */
    protected abstract fun workingBytes(block: Block): Long

    override fun decoder(group: Group): SegmentDecoder {
        val integers = integers(group)
        val type = group.valueType
        val format = if (group.numbers.areIntegers) null else FloatFormat.of(type)
        return SegmentDecoder { segment, count ->
            val bytes = SegmentPart(segment, 0, segment.size)
            if (format == null) {
                IntegerStream(BlockReader(integers(bytes)), type, count)
            } else {
                FloatStream(bytes, integers, format, type, count)
            }
        }
    }

    /**
     * Returns a function that creates a decoder for the integers of a segment. It must be called for the segments of
     * [group] in tier order.
     */
    protected abstract fun integers(group: Group): (bytes: SegmentPart) -> IntegerDecoder

    private companion object {
        const val MOST_PER_BYTE = 1L shl 16

        /** The maximum number of trailing zero bytes that a stream may omit. */
        const val DROPPED_BYTES = 16L
    }
}

/** Plain integers. */
private class IntegerStream(private val integers: BlockReader, type: DType, count: Long) : NumberStream(type, count) {
    override fun start(run: Run) = integers.start(run)

    override fun read(target: IntArray, from: Int, count: Int) = integers.read(target, from, count)

    override fun finish() = integers.finish()
}
