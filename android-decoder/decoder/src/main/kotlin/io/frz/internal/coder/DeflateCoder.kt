package io.frz.internal.coder

import io.frz.Coder
import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.storage.Segment
import java.nio.ByteBuffer
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/** Coder `deflate`: the bytes of the values as one raw DEFLATE stream. */
internal object DeflateCoder : ByteCoder() {
    override val coder = Coder.DEFLATE

    override fun decoder(group: Group) = SegmentDecoder { segment, count ->
        DeflateStream(segment, group.valueType, count)
    }
}

private class DeflateStream(private val segment: Segment, type: DType, count: Long) : ByteStream(type, count) {
    private val inflater = Inflater(true)
    private val input = ByteArray(minOf(segment.size, Segment.CHUNK.toLong()).toInt())
    private val output = ByteArray(chunkSize)
    private var position = 0L

    override fun read(target: ByteBuffer) {
        while (target.hasRemaining()) {
            val count = inflate(minOf(output.size, target.remaining()))
            if (count == 0) throw segment.malformed("a DEFLATE stream has fewer values than its tensors")
            target.put(output, 0, count)
        }
    }

    override fun finish() {
        if (inflate(1) > 0) throw segment.malformed("a DEFLATE stream has more values than its tensors")
        if (!inflater.finished() || inflater.remaining > 0 || position < segment.size) {
            throw segment.malformed("a DEFLATE stream does not end where its segment does")
        }
    }

    /**
     * Inflates up to [most] bytes into [output] and returns their number, which is 0 at the end of the stream or
     * segment.
     */
    private fun inflate(most: Int): Int {
        try {
            while (true) {
                val count = inflater.inflate(output, 0, most)
                if (count > 0 || inflater.finished() || !feed()) return count
            }
        } catch (e: DataFormatException) {
            throw segment.malformed("a DEFLATE stream is malformed", e)
        }
    }

    private fun feed(): Boolean {
        val count = minOf(input.size.toLong(), segment.size - position).toInt()
        if (count == 0) return false
        segment.read(position, ByteBuffer.wrap(input, 0, count))
        inflater.setInput(input, 0, count)
        position += count
        return true
    }

    override fun close(): Unit = inflater.end()
}
