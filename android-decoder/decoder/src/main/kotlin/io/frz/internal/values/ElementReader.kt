package io.frz.internal.values

import io.frz.DType
import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group
import java.nio.ByteBuffer

/** Reads elements that are stored bit for bit into [memory] or, if that is null, only checks them. */
internal class ElementReader(
    private val group: Group,
    private val i: Int,
    private val places: Places,
    memory: ByteBuffer?,
    private val scratch: Scratch
) : ValueReader() {
    private val size = group.dtype.bytes
    private val start = memory?.position() ?: 0
    private val view = memory?.duplicate()

    override fun read(stream: ValueStream, before: Int, tier: Int) {
        val run = Run.of(group, i, tier).singleOrNull() ?: return
        stream.start(run)
        places.visit(before, tier) { _, place, count ->
            if (view == null) pass(stream, count) else fill(stream, view, place * size, count * size)
        }
    }

    private fun fill(stream: ValueStream, view: ByteBuffer, from: Long, bytes: Long) {
        var at = start + from.toInt()
        val end = at + bytes.toInt()
        while (at < end) {
            scratch.request.check()
            view.limit(at + minOf(end - at, Scratch.BYTES)).position(at)
            stream.read(view)
            check(view, at, view.position())
            at = view.position()
        }
    }

    private fun pass(stream: ValueStream, count: Long) {
        if (group.dtype != DType.BOOL && stream.skip(count)) return
        scratch.pass(stream, count, size) { chunk -> check(chunk, 0, chunk.position()) }
    }

    private fun check(memory: ByteBuffer, from: Int, to: Int) {
        if (group.dtype != DType.BOOL) return
        for (at in from until to) if (memory[at] !in 0..1) return refuse("a bool is neither 0 nor 1")
    }
}
