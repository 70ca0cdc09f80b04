package io.frz.internal.rebuild

import io.frz.DType
import io.frz.internal.Request
import io.frz.internal.values.Core
import io.frz.internal.values.NumberSink
import io.frz.internal.values.Zeros
import io.frz.internal.zigzag.Zigzag
import java.nio.ByteBuffer

/**
 * Rebuilds tensors whose elements are entries of their cores. Each entry is copied to its place without computation.
 */
internal class Placement(private val core: Core, private val dtype: DType, private val memory: ByteBuffer) {
    /** Places a corner of a tensor of [axes]. */
    fun corner(axes: List<Axis>, request: Request) {
        val lines = Lines.of(axes)
        if (!lines.areAll) Zeros.fill(memory, request)
        val put = if (core.isExact) elements() else numbers()
        for (number in 0 until lines.count) {
            request.check()
            put(number * lines.length, lines.length, lines.start(number), 1)
        }
    }

    /** Places the first [kept] entries of [view] in zigzag order. */
    fun prefix(view: LongArray, kept: Int, request: Request) {
        Zeros.fill(memory, request)
        val strides = IntArray(view.size)
        var volume = 1L
        for (axis in view.indices.reversed()) {
            strides[axis] = volume.toInt()
            volume *= view[axis]
        }
        val put = if (core.isExact) elements() else numbers()
        Zigzag.walk(view, kept, strides) { position, count, offset, step ->
            request.check()
            put(position, count, offset, step)
        }
    }

    /** Places `count` entries, starting at `from`, at the elements `at`, `at` + `step` and so on. */
    private fun interface Put {
        operator fun invoke(from: Int, count: Int, at: Int, step: Int)
    }

    private fun elements(): Put {
        val size = dtype.bytes
        val source = core.elements()
        val target = memory.slice()
        return Put { from, count, at, step ->
            val run = if (step == 1) count else 1
            for (i in 0 until count step run) {
                source.limit((from + i + run) * size).position((from + i) * size)
                target.position((at + i * step) * size)
                target.put(source)
            }
        }
    }

    private fun numbers(): Put {
        val source = core.floats()
        val sink = NumberSink.of(dtype, memory)
        val chunk = FloatArray(minOf(source.size, CHUNK))
        return Put { from, count, at, step ->
            val run = if (step == 1) chunk.size else 1
            for (i in 0 until count step run) {
                val part = minOf(run, count - i)
                System.arraycopy(source, from + i, chunk, 0, part)
                sink.put((at + i * step).toLong(), chunk, part)
            }
        }
    }

    private companion object {
        const val CHUNK = 1 shl 12
    }
}
