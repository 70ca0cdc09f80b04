package io.frz.internal.coder

import io.frz.Coder
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum

/** Coder `adaptive`: the fewest bytes, for tensors of any size. */
internal object AdaptiveCoder : NumberCoder() {
    override val coder = Coder.RANGE

    override fun mostValues(stored: Long): Long = saturatedProduct(1L shl 16, saturatedSum(stored, 16))

    override fun workingBytes(layout: Layout): Long = AdaptiveDecoder.workingBytes(layout)

    override fun integers(): (SegmentPart) -> IntegerDecoder {
        val model = AdaptiveModel()
        return { bytes -> AdaptiveDecoder(bytes, model) }
    }
}
