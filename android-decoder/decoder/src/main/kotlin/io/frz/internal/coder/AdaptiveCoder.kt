package io.frz.internal.coder

import io.frz.Coder
import io.frz.internal.directory.Group

/** Coder `adaptive`: produces the smallest files and suits tensors of any size. */
internal object AdaptiveCoder : NumberCoder() {
    override val coder = Coder.ADAPTIVE

    override fun workingBytes(block: Block): Long = AdaptiveDecoder.workingBytes(block)

    override fun integers(group: Group): (SegmentPart) -> IntegerDecoder {
        val entries = AdaptiveModel(group.numbers.areIntegers)
        val offsets = if (group.numbers.offsets == 0) null else AdaptiveModel(isOfIntegers = true)
        return { bytes -> AdaptiveDecoder(bytes, entries, offsets) }
    }
}
