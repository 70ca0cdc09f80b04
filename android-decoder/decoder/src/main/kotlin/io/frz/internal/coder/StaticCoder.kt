package io.frz.internal.coder

import io.frz.Coder
import io.frz.internal.directory.Group

/** Coder `static`: stores probability tables and independent lanes, so that large tensors can be decoded quickly. */
internal object StaticCoder : NumberCoder() {
    override val coder = Coder.STATIC

    override fun workingBytes(block: Block): Long = StaticBlock.workingBytes(block)

    override fun integers(group: Group): (SegmentPart) -> IntegerDecoder = { bytes -> StaticDecoder(bytes) }
}

/** Decodes the integers of [bytes], block by block. */
private class StaticDecoder(private val bytes: SegmentPart) : IntegerDecoder {
    private var block: StaticBlock? = null

    override fun start(block: Block) {
        this.block = StaticBlock(bytes, block)
    }

    override fun read(target: IntArray, from: Int, count: Int) = checkNotNull(block).read(target, from, count)

    override fun finish() {
        if (bytes.position < bytes.end) throw bytes.malformed("a stream continues after its last value")
    }
}
