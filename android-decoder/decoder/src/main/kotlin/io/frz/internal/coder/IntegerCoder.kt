package io.frz.internal.coder

import io.frz.Coder
import io.frz.DType
import io.frz.internal.container.Group
import io.frz.internal.container.Segment

/** Coder `integer`: integers, whose numbers of bits are coded adaptively; section 10.3 of the specification. */
internal object IntegerCoder : SegmentCoder {
    override val coder = Coder.INTEGER

    override fun takes(type: DType, areIntegers: Boolean): Boolean = areIntegers

    override fun mostValues(stored: Long): Long = RangeDecoder.mostValues(stored)

    override fun workingBytes(group: Group): Long = 0

    override fun decoder(group: Group): SegmentDecoder {
        val sets = Array(2 * OldIntegerStream.SETS) { IntArray(OldIntegerStream.CONTEXTS) { RangeDecoder.FRESH } }
        return SegmentDecoder { segment, count -> OldIntegerStream(segment, count, sets) }
    }
}

/** Integers by the contexts of [sets]: some for offsets, and as many for entries. */
private class OldIntegerStream(segment: Segment, count: Long, private val sets: Array<IntArray>) :
    NumberStream(DType.I32, count) {
    private val decoder = RangeDecoder(segment)
    private var first = 0
    private var last = 0
    private var lastButOne = 0

    override fun start(run: Run) {
        first = if (run.axis == null) SETS else 0
        last = 0
        lastButOne = 0
    }

    override fun read(target: IntArray, from: Int, count: Int) {
        for (i in from until from + count) target[i] = integer()
    }

    private fun integer(): Int {
        val set = sets[first + minOf(SETS - 1, (last + lastButOne + 1) / 2)]
        var bits = 0
        while (bits < MOST_BITS && decoder.bit(set, bits) == 1) bits++
        lastButOne = last
        last = bits
        if (bits == 0) return 0
        val isNegative = decoder.direct() == 1
        var magnitude = 1
        if (bits > 1) magnitude = 2 + decoder.bit(set, MOST_BITS + bits)
        repeat(bits - 2) { magnitude = 2 * magnitude + decoder.direct() }
        return if (isNegative) -magnitude else magnitude
    }

    override fun finish(): Unit = decoder.finish()

    companion object {
        const val SETS = 4
        const val MOST_BITS = 31
        const val CONTEXTS = 2 * MOST_BITS + 1
    }
}
