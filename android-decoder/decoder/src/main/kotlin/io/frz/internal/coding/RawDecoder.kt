package io.frz.internal.coding

import io.frz.DType
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.coder.Coders
import io.frz.internal.coder.ValueStream
import io.frz.internal.container.Group
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Coding `raw`: the elements themselves, streamed into the memory of each tensor. */
internal class RawDecoder(private val session: Session) : GroupDecoder {
    override fun workingBytes(group: Group): Long = 0

    override fun decode(group: Group, sink: TensorSink) {
        val segment = session.container.segment(group, 0)
        segment?.verify()
        val stream = segment?.let { Coders(group).open(it, group.values(0)) } ?: NoValues
        stream.use {
            for (i in group.names.indices) {
                stream.startTensor()
                val target = sink.allocate(i)
                if (target == null) pass(group, i, stream) else fill(group, i, stream, target)
                if (target != null) sink.deliver(i)
            }
            stream.finish()
        }
    }

    private fun fill(group: Group, i: Int, stream: ValueStream, target: ByteBuffer) {
        val view = target.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        stream.read(view)
        view.flip()
        view.position(target.position())
        check(group, i, view)
    }

    private fun pass(group: Group, i: Int, stream: ValueStream) {
        var left = group.bytes(i)
        val chunk = ByteBuffer.allocate(minOf(left, CHUNK.toLong()).toInt()).order(ByteOrder.LITTLE_ENDIAN)
        while (left > 0) {
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
