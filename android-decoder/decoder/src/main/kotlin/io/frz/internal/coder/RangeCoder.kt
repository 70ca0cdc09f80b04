package io.frz.internal.coder

import io.frz.Coder
import io.frz.DType
import io.frz.internal.container.Group
import io.frz.internal.container.Segment

/** Coder `range`: floats, whose exponents are coded adaptively; section 10.2 of the specification. */
internal object RangeCoder : SegmentCoder {
    override val coder = Coder.RANGE

    override fun takes(type: DType, areIntegers: Boolean): Boolean =
        !areIntegers && (type == DType.F16 || type == DType.BF16 || type == DType.F32)

    override fun mostValues(stored: Long): Long = RangeDecoder.mostValues(stored)

    override fun workingBytes(group: Group): Long = 0

    override fun decoder(group: Group): SegmentDecoder {
        val exponentBits = if (group.valueType == DType.F16) 5 else 8
        val contexts = IntArray(2 shl exponentBits) { RangeDecoder.FRESH }
        return SegmentDecoder { segment, count -> OldFloatStream(segment, group.valueType, count, exponentBits, contexts) }
    }
}

private class OldFloatStream(
    segment: Segment,
    type: DType,
    count: Long,
    private val exponentBits: Int,
    private val contexts: IntArray
) : NumberStream(type, count) {
    private val decoder = RangeDecoder(segment)
    private val fractionBits = Byte.SIZE_BITS * type.bytes - 1 - exponentBits

    override fun read(target: IntArray, from: Int, count: Int) {
        for (i in from until from + count) target[i] = float()
    }

    private fun float(): Int {
        var node = 1
        repeat(exponentBits) { node = 2 * node + decoder.bit(contexts, node) }
        val exponent = node - (1 shl exponentBits)
        val sign = decoder.direct()
        var fraction = decoder.bit(contexts, (1 shl exponentBits) + exponent)
        repeat(fractionBits - 1) { fraction = 2 * fraction + decoder.direct() }
        return ((sign shl exponentBits or exponent) shl fractionBits) or fraction
    }

    override fun finish(): Unit = decoder.finish()
}
