package io.frz.internal.coder

import com.github.luben.zstd.Zstd
import com.github.luben.zstd.ZstdDecompressCtx
import com.github.luben.zstd.ZstdException
import io.frz.DType
import io.frz.internal.saturatedProduct
import io.frz.internal.storage.Segment
import java.nio.ByteBuffer

/** A Zstandard frame of [count] values. No other class uses the optional zstd-jni library. */
internal class ZstdStream(private val segment: Segment, type: DType, count: Long) : ByteStream(type, count) {
    private val input = ByteBuffer.allocateDirect(minOf(segment.size, Segment.CHUNK.toLong()).toInt())
    private val output = ByteBuffer.allocateDirect(chunkSize)
    private var position = 0L
    private var finished = false

    init {
        input.limit(0)
        val start = ByteBuffer.allocate(minOf(segment.size, ZstdFrame.HEADER_SIZE.toLong()).toInt())
        segment.read(0, start)
        start.flip()
        ZstdFrame.problem(start, saturatedProduct(count, type.bytes.toLong()))?.let { throw segment.malformed(it) }
    }

    /** Created after all other properties, because only [close] frees it. */
    private val context = ZstdDecompressCtx()

    override fun read(target: ByteBuffer) {
        while (target.hasRemaining()) {
            if (target.isDirect) {
                if (!step(target)) throw tooShort()
            } else {
                output.clear()
                output.limit(minOf(output.capacity(), target.remaining()))
                if (!step(output)) throw tooShort()
                output.flip()
                target.put(output)
            }
        }
    }

    override fun finish() {
        output.clear()
        output.limit(1)
        while (step(output)) {
            if (!output.hasRemaining()) throw segment.malformed("a zstd frame has more values than its tensors")
        }
        if (!finished || input.hasRemaining() || position < segment.size) {
            throw segment.malformed("a zstd frame does not end where its segment does")
        }
    }

    /** Decompresses more bytes into [target], a direct buffer; returns false at the end. */
    private fun step(target: ByteBuffer): Boolean {
        if (finished) return false
        val before = target.position()
        val fed = feed()
        try {
            val left = input.remaining()
            finished = context.decompressDirectByteBufferStream(target, input)
            return target.position() > before || fed || input.remaining() < left
        } catch (e: ZstdException) {
            throw segment.malformed("a zstd frame is malformed", e)
        }
    }

    private fun feed(): Boolean {
        if (input.hasRemaining() || position == segment.size) return false
        input.clear()
        input.limit(minOf(input.capacity().toLong(), segment.size - position).toInt())
        position += input.limit()
        segment.read(position - input.limit(), input)
        input.flip()
        return true
    }

    private fun tooShort() = segment.malformed("a zstd frame has fewer values than its tensors")

    override fun close(): Unit = context.close()

    companion object {
        /** Loads the library, or throws a [LinkageError]. */
        fun load() {
            Zstd.windowLogMax()
        }
    }
}
