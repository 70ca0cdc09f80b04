package io.frz.loading

import androidx.annotation.WorkerThread
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.internal.Cancellation
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/**
 * Memory in which a [FrzRuntime] rebuilds weights: direct buffers, or mapped files if the options specify a scratch
 * folder.
 *
 * Small weights share a block. The largest block is kept for the next load, unless a garbage collection frees it first.
 * Without this reuse, repeated loading would accumulate direct buffers, which only a garbage collection frees.
 */
public class FrzMemory internal constructor(
    total: Long,
    private val scratch: File?,
    private val cancellation: Cancellation
) : Closeable {
    private val shared = minOf(total, BLOCK)
    private val blocks = ArrayList<ByteBuffer>()
    private var rest = ByteBuffer.allocateDirect(0)

    /**
     * Returns a buffer of [size] bytes in native byte order, aligned to 64 bytes within its block. The buffer is not
     * zeroed. After this memory has been closed, the buffer's content can be overwritten.
     */
    @Throws(IOException::class)
    @WorkerThread
    public fun allocate(size: Long): ByteBuffer {
        cancellation.check()
        if (size > shared / 2) return slice(block(size), 0, size.toInt())
        if (size > rest.remaining()) rest = block(shared)
        val start = rest.position()
        rest.position(minOf(rest.limit(), (start + size.toInt() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT))
        return slice(rest, start, size.toInt())
    }

    /**
     * Releases the memory. Call this only when native code no longer reads it; the garbage collector cannot detect
     * that.
     */
    override fun close() {
        blocks.filter { scratch == null }.maxByOrNull { it.capacity() }?.let(::give)
        blocks.clear()
    }

    private fun block(size: Long): ByteBuffer {
        if (size > Int.MAX_VALUE) throw tooLarge(size, null)
        val memory = if (scratch != null) map(size, scratch) else take(size) ?: allocateDirect(size)
        return memory.also(blocks::add)
    }

    private fun map(size: Long, folder: File): ByteBuffer {
        val cache = FrzCache(folder, "weights-", null, "a file of $size bytes cannot be created in")
        cache.open()
        return cache.temporary { file ->
            cache.writing {
                RandomAccessFile(file, "rw").use {
                    fill(it, size)
                    it.channel.map(FileChannel.MapMode.READ_WRITE, 0, size)
                }
            }
        }
    }

    /**
     * Writes zeros rather than only extending the file, so that a full disk causes an error here, not a crash later.
     */
    private fun fill(file: RandomAccessFile, size: Long) {
        val zeros = ByteArray(minOf(size, CHUNK).toInt())
        var left = size
        while (left > 0) {
            cancellation.check()
            file.write(zeros, 0, minOf(left, CHUNK).toInt())
            left -= CHUNK
        }
    }

    private companion object {
        const val BLOCK = 1L shl 20
        const val CHUNK = 1L shl 16
        const val ALIGNMENT = 64

        var spare: WeakReference<ByteBuffer>? = null

        @Synchronized
        fun take(size: Long): ByteBuffer? {
            val memory = spare?.get()?.takeIf { it.capacity() >= size } ?: return null
            spare = null
            return memory
        }

        @Synchronized
        fun give(memory: ByteBuffer) {
            memory.clear()
            spare = WeakReference(memory)
        }

        fun allocateDirect(size: Long): ByteBuffer = try {
            ByteBuffer.allocateDirect(size.toInt())
        } catch (e: OutOfMemoryError) {
            throw tooLarge(size, e)
        }

        fun tooLarge(size: Long, cause: Throwable?) =
            FrzException(ErrorCode.BUDGET, "$size bytes of memory for weights cannot be allocated", cause = cause)

        /** Returns [size] bytes of [memory], starting at [start], as a separate buffer in native byte order. */
        fun slice(memory: ByteBuffer, start: Int, size: Int): ByteBuffer {
            val view = memory.duplicate()
            view.limit(start + size)
            view.position(start)
            return view.slice().order(ByteOrder.nativeOrder())
        }
    }
}
