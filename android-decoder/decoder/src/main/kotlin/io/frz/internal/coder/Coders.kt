package io.frz.internal.coder

import io.frz.Coder
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.NumberFormat
import io.frz.internal.container.Group
import io.frz.internal.container.Segment
import io.frz.internal.saturatedProduct

/** Opens the segments of one group, tier after tier, with the coder that the directory names. */
internal class Coders(private val group: Group) {
    private val contexts by lazy {
        val format = group.format ?: checkNotNull(rangeFormat(group.dtype))
        RangeContexts(ValueShape.of(format), byNeighbours = group.coder == Coder.RANGE_CONTEXT)
    }

    /** The [values] of [segment], whose checksum has matched. */
    fun open(segment: Segment, values: Long): ValueStream = when (group.coder) {
        Coder.NONE -> PlainStream(segment)
        Coder.DEFLATE -> DeflateStream(segment)
        Coder.ZSTD -> ZstdStream(segment, saturatedProduct(values, group.valueBytes.toLong()))
        Coder.RANGE, Coder.RANGE_CONTEXT -> RangeStream(segment, contexts)
    }

    companion object {
        /** Memory that the coders work with, at most. */
        const val WORKING_BYTES = 1L shl 20

        /** Makes sure that what the coder of [group] needs is installed, before anything else is done for [tensor]. */
        fun requireInstalled(group: Group, tensor: String) {
            if (group.coder != Coder.ZSTD) return
            try {
                ZstdStream.load()
            } catch (e: LinkageError) {
                throw FrzException(
                    ErrorCode.DEPENDENCY,
                    "zstd is needed and absent; add com.github.luben:zstd-jni (@aar on Android) to the app",
                    tensor,
                    cause = e
                )
            }
        }
    }
}
