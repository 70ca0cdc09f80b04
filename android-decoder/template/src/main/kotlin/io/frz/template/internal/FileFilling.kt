package io.frz.template.internal

import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind as Problem
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.security.MessageDigest
import java.util.zip.CRC32

/**
 * Fills templates and stores the results as files in [folder]. The name of a file contains a digest of the template and
 * the weights, and the checksum of the file's content, which is verified on each use.
 */
internal class FileFilling(private val folder: File) : FrzRuntime<File> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): File =
        LayoutParser.parsed(skeleton.bytes) { layout, stream ->
            val filler = Filler(layout, stream, weights, load)
            filler.check()
            val key = key(skeleton.bytes, weights)
            cached(load) {
                clean()
                known(key, layout.size, load) ?: write(key, layout, filler, load)
            }.apply { setLastModified(System.currentTimeMillis()) }
        }

    override fun free(network: File): Unit = Unit // The file is kept for the next load.

    private inline fun cached(load: FrzLoad, use: () -> File): File = try {
        if (!folder.isDirectory && !folder.mkdirs() && !folder.isDirectory) {
            throw CacheException(if (folder.exists()) "it is not a folder" else "the folder cannot be created")
        }
        use()
    } catch (e: CacheException) {
        load.checkCancelled()
        throw FrzLoadException(
            Problem.CACHE,
            "the filled file cannot be written to $folder (${e.message}); free some space, or choose another folder",
            e
        )
    }

    private fun known(key: String, size: Long, load: FrzLoad): File? =
        folder.listFiles { _, name -> name.startsWith(key) }.orEmpty().firstOrNull { file ->
            try {
                file.length() == size && file.name == name(key, checksum(file, load))
            } catch (e: FrzLoadException) {
                throw e
            } catch (_: IOException) {
                load.checkCancelled() // An interrupt ends reading.
                false // Android deleted it in the meantime, or it cannot be read; it is written again.
            }
        }

    private fun write(key: String, layout: Layout, filler: Filler, load: FrzLoad): File {
        val partial = writing { File.createTempFile(PREFIX, PARTIAL, folder) }
        try {
            val checksum = writing { RandomAccessFile(partial, "rw") }.use { file ->
                writing { reserve(file, layout.size, load) }
                val memory = writing { file.channel.map(FileChannel.MapMode.READ_WRITE, 0, layout.size) }
                filler.fill(memory)
                writing {
                    memory.force()
                    file.fd.sync()
                }
                checksum(memory, load)
            }
            val file = File(folder, name(key, checksum))
            if (!partial.renameTo(file)) throw CacheException("$partial cannot be renamed to ${file.name}")
            return file
        } finally {
            partial.delete()
        }
    }

    /**
     * Writes zeros rather than only extending the file, so that a full disk causes an error here, not a crash later.
     */
    private fun reserve(file: RandomAccessFile, size: Long, load: FrzLoad) {
        val zeros = ByteArray(CHUNK)
        var left = size
        while (left > 0) {
            load.checkCancelled()
            file.write(zeros, 0, minOf(left, CHUNK.toLong()).toInt())
            left -= CHUNK
        }
    }

    private fun checksum(file: File, load: FrzLoad): Long = RandomAccessFile(file, "r").use {
        checksum(it.channel.map(FileChannel.MapMode.READ_ONLY, 0, it.length()), load)
    }

    private fun checksum(bytes: ByteBuffer, load: FrzLoad): Long {
        val rest = bytes.duplicate()
        val chunk = ByteArray(CHUNK)
        val checksum = CRC32()
        rest.rewind()
        while (rest.hasRemaining()) {
            load.checkCancelled()
            val count = minOf(CHUNK, rest.remaining())
            rest.get(chunk, 0, count)
            checksum.update(chunk, 0, count)
        }
        return checksum.value
    }

    /** Deletes files that have not been used for a long time, and files left behind by processes that were killed. */
    private fun clean() {
        val now = System.currentTimeMillis()
        for (file in folder.listFiles { _, name -> OWN.matches(name) }.orEmpty()) {
            val kept = if (file.name.endsWith(PARTIAL)) PARTIAL_MILLIS else UNUSED_MILLIS
            if (now - file.lastModified() > kept) file.delete()
        }
    }

    /** Thrown when the cache folder, rather than the weights, causes a failure. */
    private class CacheException(message: String?, cause: Throwable? = null) : IOException(message, cause)

    private companion object {
        const val PREFIX = "filled-"
        const val PARTIAL = ".partial"

        /** The names of files that this class writes; an app can keep other files in the same folder. */
        val OWN = Regex("filled-([0-9a-f]{64}-[0-9a-f]{8}|-?[0-9]+\\.partial)")
        const val CHUNK = 1 shl 16
        const val UNUSED_MILLIS = 30L * 24 * 60 * 60 * 1000
        const val PARTIAL_MILLIS = 60L * 60 * 1000

        fun key(template: ByteArray, weights: FrzFile): String {
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(template)
            digest.update(weights.sha256())
            return PREFIX + digest.digest().joinToString("") { "%02x".format(it) }
        }

        fun name(key: String, checksum: Long) = "$key-%08x".format(checksum)

        inline fun <T> writing(use: () -> T): T = try {
            use()
        } catch (e: FrzLoadException) {
            throw e
        } catch (e: IOException) {
            throw CacheException(e.message, e)
        }
    }
}
