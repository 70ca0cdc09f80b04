package io.frz.internal.coder

import io.frz.DType
import io.frz.internal.container.Group
import io.frz.internal.container.Segment

/** A coder of integers, and of floats as integers with mantissas. */
internal abstract class NumberCoder : SegmentCoder {
    override fun takes(type: DType, areIntegers: Boolean): Boolean = areIntegers || FloatFormat.of(type) != null

    override fun workingBytes(group: Group): Long {
        var most = 0L
        for (tier in group.numbers.sizes.indices) {
            for (i in 0 until group.size) {
                for (run in Run.of(group, i, tier)) most = maxOf(most, workingBytes(Layout.of(run)))
            }
        }
        return most
    }

    /** The memory that decoding a box of [layout] takes. */
    protected abstract fun workingBytes(layout: Layout): Long

    override fun decoder(group: Group): SegmentDecoder {
        val integers = integers()
        val type = group.valueType
        val format = if (group.numbers.isStepped) null else FloatFormat.of(type)
        return SegmentDecoder { segment, count ->
            val bytes = SegmentPart(segment, 0, segment.size)
            if (format == null) {
                IntegerStream(integers(bytes), type, count)
            } else {
                FloatStream(bytes, integers, format, type, count)
            }
        }
    }

    /** What decodes the integers of each segment of a group, in the order of tiers. */
    protected abstract fun integers(): (bytes: SegmentPart) -> IntegerDecoder
}

/** Integers as they are. */
private class IntegerStream(private val integers: IntegerDecoder, type: DType, count: Long) :
    NumberStream(type, count) {
    override fun start(run: Run) = integers.start(Layout.of(run))

    override fun read(target: IntArray, from: Int, count: Int) = integers.read(target, from, count)

    override fun finish() = integers.finish()
}
