package io.frz.internal.values

import io.frz.internal.Request
import java.nio.ByteBuffer

/** Clears memory. */
internal object Zeros {
    private val bytes = ByteArray(1 shl 16)

    /** Clears [memory] from its position to its limit. */
    fun fill(memory: ByteBuffer, request: Request) {
        val view = memory.duplicate()
        while (view.hasRemaining()) {
            request.check()
            view.put(bytes, 0, minOf(bytes.size, view.remaining()))
        }
    }
}
