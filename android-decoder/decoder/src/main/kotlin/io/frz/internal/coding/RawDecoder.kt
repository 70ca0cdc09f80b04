package io.frz.internal.coding

import io.frz.DType
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Request
import io.frz.internal.coder.Coders
import io.frz.internal.coder.ValueStream
import io.frz.internal.container.Group
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Coding `raw`: the elements themselves, streamed into the memory of each tensor. */
internal class RawDecoder(private val session: Session) : GroupDecoder {
    override fun workingBytes(group: Group): Long = 0

    override fun decode(group: Group, sink: TensorSink) {
        val segment = session.container.segment(group, 0, sink.request)
        segment?.verify()
        val stream = segment?.let { Coders(group).open(it, group.values(0)) } ?: NoValues
        stream.use {
            for (i in group.names.indices) {
                stream.startTensor()
                val wanted = sink.want(i)
                if (wanted == null) {
                    pass(group, i, stream, group.bytes(i), sink.request)
                } else {
                    pass(group, i, stream, wanted.start, sink.request)
                    val size = fill(group, i, stream, wanted.memory, sink.request)
                    pass(group, i, stream, group.bytes(i) - wanted.start - size, sink.request)
                    sink.deliver(i)
                }
            }
            stream.finish()
        }
    }

    /** Decodes as many bytes as [target] has left, and returns how many those are. */
    private fun fill(group: Group, i: Int, stream: ValueStream, target: ByteBuffer, request: Request): Int {
        val view = target.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        while (view.position() < target.limit()) {
            request.check()
            val start = view.position()
            view.limit(minOf(start + CHUNK.toLong(), target.limit().toLong()).toInt())
            stream.read(view)
            view.position(start)
            check(group, i, view)
            view.position(view.limit())
        }
        return target.remaining()
    }

    /** Decodes [count] bytes only to check them. */
    private fun pass(group: Group, i: Int, stream: ValueStream, count: Long, request: Request) {
        var left = count
        val chunk = ByteBuffer.allocate(minOf(left, CHUNK.toLong()).toInt()).order(ByteOrder.LITTLE_ENDIAN)
        while (left > 0) {
            request.check()
            chunk.clear()
            chunk.limit(minOf(left, chunk.capacity().toLong()).toInt())
            stream.read(chunk)
            chunk.flip()
            left -= chunk.limit()
            check(group, i, chunk)
        }
    }

    private fun check(group: Group, i: Int, values: ByteBuffer) {
        if (group.dtype != DType.BOOL) return
        while (values.hasRemaining()) {
            if (values.get() !in 0..1) throw FrzException(ErrorCode.VALUE, "a bool is not 0 or 1", group.names[i])
        }
    }

    /** The stream of a group all of whose tensors are empty. */
    private object NoValues : ValueStream {
        override fun read(target: ByteBuffer) = Unit

        override fun finish() = Unit
    }

    private companion object {
        const val CHUNK = 1 shl 16
    }
}
