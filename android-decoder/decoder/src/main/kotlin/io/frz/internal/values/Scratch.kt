package io.frz.internal.values

import io.frz.internal.Request
import io.frz.internal.coder.ValueStream
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Buffers that the readers of a group share during a [request]. */
internal class Scratch(val request: Request, most: Long) {
    private val size = minOf(most, NUMBERS.toLong()).toInt()

    /** Values in their stored form. */
    val numbers: IntArray by lazy { IntArray(size) }

    /** Values as binary32 numbers. */
    val floats: FloatArray by lazy { FloatArray(size) }

    private val unwanted by lazy { ByteBuffer.allocate(BYTES).order(ByteOrder.LITTLE_ENDIAN) }

    /** Decodes and discards [count] values of [size] bytes, after passing them to [visit]. */
    fun pass(stream: ValueStream, count: Long, size: Int, visit: (chunk: ByteBuffer) -> Unit = {}) {
        var left = count * size
        while (left > 0) {
            request.check()
            unwanted.clear().limit(minOf(left, BYTES.toLong()).toInt())
            stream.read(unwanted)
            visit(unwanted)
            left -= unwanted.position()
        }
    }

    companion object {
        /** The number of values to read at a time. */
        const val NUMBERS = 1 shl 14

        /** The number of bytes to read at a time. */
        const val BYTES = 1 shl 16
    }
}
