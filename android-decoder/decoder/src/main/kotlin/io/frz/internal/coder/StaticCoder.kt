package io.frz.internal.coder

import io.frz.Coder
import io.frz.internal.saturatedProduct

/** Coder `static`: tables that are stored, and lanes that are decoded each for itself; fast, for large tensors. */
internal object StaticCoder : NumberCoder() {
    override val coder = Coder.RANGE

    override fun mostValues(stored: Long): Long = saturatedProduct(1L shl 12, stored)

    override fun workingBytes(layout: Layout): Long = StaticBlock.workingBytes(layout)

    override fun integers(): (SegmentPart) -> IntegerDecoder = { bytes -> StaticDecoder(bytes) }
}

/** The integers of [bytes]: a block for each box. */
private class StaticDecoder(private val bytes: SegmentPart) : IntegerDecoder {
    private var block: StaticBlock? = null

    override fun start(layout: Layout) {
        block?.finish()
        block = StaticBlock(bytes, layout)
    }

    override fun read(target: IntArray, from: Int, count: Int) = checkNotNull(block).read(target, from, count)

    override fun finish() {
        block?.finish()
        if (bytes.position < bytes.end) throw bytes.malformed("a stream goes on after its last value")
    }
}
