package io.frz.pytorch.internal

import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
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
    /** Returns a file that contains [skeleton]. */
    fun file(skeleton: ByteArray): File = try {
        if (!folder.isDirectory && !folder.mkdirs() && !folder.isDirectory) {
            throw IOException(if (folder.exists()) "it is not a folder" else "the folder cannot be created")
        }
        clean()
        val file = File(folder, "$PREFIX${sha256(skeleton)}$SUFFIX")
        if (!holds(file, skeleton)) write(file, skeleton)
        file.apply { setLastModified(System.currentTimeMillis()) }
    } catch (e: IOException) {
        throw FrzLoadException(
            Kind.CACHE,
            "the skeleton cannot be copied to $folder (${e.message}); free some space, or choose another folder",
            e
        )
    }

    private fun holds(file: File, skeleton: ByteArray): Boolean = try {
        file.length() == skeleton.size.toLong() && file.readBytes().contentEquals(skeleton)
    } catch (_: IOException) {
        false // Android deleted it in the meantime, or it cannot be read; it is written again.
    }

    private fun write(file: File, skeleton: ByteArray) {
        val partial = File.createTempFile(PREFIX, PARTIAL, folder)
        try {
            FileOutputStream(partial).use {
                it.write(skeleton)
                it.fd.sync()
            }
            if (!partial.renameTo(file)) throw IOException("$partial cannot be renamed to $file")
        } finally {
            partial.delete()
        }
    }

    /** Removes copies that have not been used for a long time, and files left behind by killed processes. */
    private fun clean() {
        val now = System.currentTimeMillis()
        for (file in folder.listFiles { _, name -> OWN.matches(name) }.orEmpty()) {
            val kept = if (file.name.endsWith(SUFFIX)) UNUSED_MILLIS else PARTIAL_MILLIS
            if (now - file.lastModified() > kept) file.delete()
        }
    }

    private companion object {
        const val PREFIX = "skeleton-"
        const val SUFFIX = ".ptl"
        const val PARTIAL = ".partial"

        /** The names of files that this class writes; an app can keep other files in the same folder. */
        val OWN = Regex("skeleton-([0-9a-f]{64}\\.ptl|-?[0-9]+\\.partial)")
        const val UNUSED_MILLIS = 30L * 24 * 60 * 60 * 1000
        const val PARTIAL_MILLIS = 60L * 60 * 1000

        fun sha256(bytes: ByteArray) =
            MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
    }
}
