package io.frz.pytorch.internal

import io.frz.loading.FrzCache
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.security.MessageDigest

/**
 * Copies of skeletons in [folder], which are needed because the lite interpreter reads modules only from files. A copy
 * is named after the checksum of its content, becomes visible only when it is complete, and is compared with the
 * skeleton on each use.
 */
internal class SkeletonCache(private val folder: File) {
    private val cache = FrzCache(folder, PREFIX, Regex("[0-9a-f]{64}\\.ptl"), "the skeleton cannot be copied to")

    /** Returns a file that contains [skeleton]. */
    fun file(skeleton: ByteArray): File {
        cache.open()
        val name = "$PREFIX${sha256(skeleton)}.ptl"
        val known = File(folder, name).takeIf { holds(it, skeleton) }
        val file = known ?: cache.keep { partial ->
            cache.writing { write(partial, skeleton) }
            name
        }
        return file.apply { setLastModified(System.currentTimeMillis()) }
    }

    /** Returns the result of [use] on a new file that contains [skeleton], and deletes the file. */
    fun <T> once(skeleton: ByteArray, use: (File) -> T): T {
        cache.open()
        return cache.temporary { file ->
            cache.writing { file.writeBytes(skeleton) }
            use(file)
        }
    }

    private fun write(file: File, skeleton: ByteArray) = FileOutputStream(file).use {
        it.write(skeleton)
        it.fd.sync()
    }

    private fun holds(file: File, skeleton: ByteArray): Boolean = try {
        file.length() == skeleton.size.toLong() && file.readBytes().contentEquals(skeleton)
    } catch (_: IOException) {
        false // Android deleted it in the meantime, or it cannot be read; it is written again.
    }

    private companion object {
        const val PREFIX = "skeleton-"

        fun sha256(bytes: ByteArray) =
            MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
    }
}
