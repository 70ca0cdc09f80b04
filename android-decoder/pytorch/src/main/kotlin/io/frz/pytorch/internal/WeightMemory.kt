package io.frz.pytorch.internal

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.pytorch.FrzModuleException
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.lang.ref.WeakReference
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

/**
 * Direct memory in which tensors are rebuilt. The last buffer is softly kept for the next module, so that repeated
 * loading does not pile up buffers that only a garbage collection frees.
 */
internal object WeightMemory {
    private var spare: WeakReference<ByteBuffer>? = null

    /** Lends at least [size] bytes to [use], from a file in the folder [scratch] if that is given. */
    fun <T> lend(size: Long, scratch: File?, cancellation: Cancellation, use: (ByteBuffer) -> T): T {
        if (scratch != null) return use(map(size, scratch, cancellation))
        val memory = take(size) ?: allocate(size)
        try {
            return use(memory)
        } finally {
            // Native code reads this memory, so it must not be freed before this point.
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

    private fun map(size: Long, folder: File, cancellation: Cancellation): ByteBuffer {
        if (size > Int.MAX_VALUE) throw tooLarge(size, null)
        try {
            if (!folder.isDirectory && !folder.mkdirs() && !folder.isDirectory) throw IOException("it is no folder")
            val file = File.createTempFile("weights-", ".scratch", folder)
            try {
                return RandomAccessFile(file, "rw").use {
                    fill(it, size, cancellation)
                    it.channel.map(FileChannel.MapMode.READ_WRITE, 0, size).order(ByteOrder.nativeOrder())
                }
            } finally {
                file.delete()
            }
        } catch (e: IOException) {
            if (cancellation.isCancelled) throw Cancellation.failure(e)
            throw FrzModuleException(
                FrzModuleException.Kind.CACHE,
                "no file of $size bytes can be made in $folder (${e.message}); free some room, or name another folder",
                e
            )
        }
    }

    /** Writes the file rather than just extending it, so that a full disk is an error here and not a crash later. */
    private fun fill(file: RandomAccessFile, size: Long, cancellation: Cancellation) {
        val zeros = ByteArray(minOf(size, CHUNK).toInt())
        var left = size
        while (left > 0) {
            cancellation.check()
            file.write(zeros, 0, minOf(left, CHUNK).toInt())
            left -= CHUNK
        }
    }

    private const val CHUNK = 1L shl 16

    private fun tooLarge(size: Long, cause: Throwable?) =
        FrzException(ErrorCode.BUDGET, "this machine has no $size bytes of memory left for a tensor", cause = cause)
}

/** [size] bytes of [memory] from [start] on, as a separate buffer in native byte order. */
internal fun slice(memory: ByteBuffer, start: Int, size: Int): ByteBuffer {
    val view = memory.duplicate()
    view.position(start)
    view.limit(start + size)
    return view.slice().order(ByteOrder.nativeOrder())
}
