package io.frz.internal.values

import io.frz.internal.Request
import java.nio.ByteBuffer

/** Fills memory with zeros. */
internal object Zeros {
    private val bytes = ByteArray(1 shl 16)

    /** Fills [memory] with zeros from its position to its limit. */
    fun fill(memory: ByteBuffer, request: Request) {
        val view = memory.duplicate()
        while (view.hasRemaining()) {
            request.check()
            view.put(bytes, 0, minOf(bytes.size, view.remaining()))
        }
    }
}
