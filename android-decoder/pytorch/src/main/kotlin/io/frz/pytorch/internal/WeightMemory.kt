package io.frz.pytorch.internal

import io.frz.ErrorCode
import io.frz.FrzException
import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Direct memory to rebuild tensors in. The latest is kept for the next module as long as the garbage collector does not
 * want it, so that loading again and again does not pile up buffers that nothing but a collection frees.
 */
internal object WeightMemory {
    private var spare: WeakReference<ByteBuffer>? = null

    /** Lends at least [size] bytes to [use]. */
    fun <T> lend(size: Long, use: (ByteBuffer) -> T): T {
        val memory = take(size) ?: allocate(size)
        try {
            return use(memory)
        } finally {
            // Native code has read from this memory, so nothing may free it before here.
            give(memory)
        }
    }

    @Synchronized
    private fun take(size: Long): ByteBuffer? {
        val memory = spare?.get()?.takeIf { it.capacity() >= size } ?: return null
        spare = null
        return memory
    }

    @Synchronized
    private fun give(memory: ByteBuffer) {
        spare = WeakReference(memory)
    }

    private fun allocate(size: Long): ByteBuffer {
        if (size > Int.MAX_VALUE) throw tooLarge(size, null)
        return try {
            ByteBuffer.allocateDirect(size.toInt()).order(ByteOrder.nativeOrder())
        } catch (e: OutOfMemoryError) {
            throw tooLarge(size, e)
        }
    }

    private fun tooLarge(size: Long, cause: Throwable?) =
        FrzException(ErrorCode.BUDGET, "this machine has no $size bytes of memory left for a tensor", cause = cause)
}

/** [size] bytes of [memory] from [start] on, as a buffer of their own, in the order of the machine. */
internal fun slice(memory: ByteBuffer, start: Int, size: Int): ByteBuffer {
    val view = memory.duplicate()
    view.position(start)
    view.limit(start + size)
    return view.slice().order(ByteOrder.nativeOrder())
}
