package io.frz.internal.coder

import io.frz.Coder
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct

/** Coder `zstd`: the bytes of the values as one Zstandard frame; requires the zstd-jni library. */
internal object ZstdCoder : ByteCoder() {
    override val coder = Coder.ZSTD

    /** Returns the maximum size of the window, which is never larger than the content. */
    override fun workingBytes(group: Group): Long =
        minOf(ZstdFrame.MOST_WINDOW, saturatedProduct(group.numbers.mostCount, group.valueType.bytes.toLong()))

    override fun requireInstalled(tensor: String?) {
        try {
            ZstdStream.load()
        } catch (e: LinkageError) {
            throw FrzException(
                ErrorCode.DEPENDENCY,
                "the file requires zstd; add com.github.luben:zstd-jni (@aar on Android) to the app",
                tensor,
                cause = e
            )
        }
    }

    override fun decoder(group: Group) = SegmentDecoder { segment, count ->
        ZstdStream(segment, group.valueType, count)
    }
}
