package io.frz.template.internal

import io.frz.FrzFile
import io.frz.loading.FrzCache
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
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
    private val cache =
        FrzCache(folder, PREFIX, Regex("[0-9a-f]{64}-[0-9a-f]{8}"), "the filled file cannot be written to")

    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): File =
        LayoutParser.parsed(skeleton.bytes) { layout, stream ->
            val filler = Filler(layout, stream, weights, load)
            filler.check()
            val key = key(skeleton.bytes, weights)
            cache.open()
            val file = known(key, layout.size, load) ?: write(key, layout, filler, load) {
                if (key(skeleton.bytes, weights) != key) throw modified()
            }
            file.apply { setLastModified(System.currentTimeMillis()) }
        }

    override fun free(network: File): Unit = Unit // The file is kept for the next load.

    private fun known(key: String, size: Long, load: FrzLoad): File? =
        folder.listFiles { _, name -> name.startsWith(key) }.orEmpty().firstOrNull { file ->
            try {
                file.length() == size && file.name == name(key, checksum(file, load))
            } catch (e: FrzLoadException) {
                throw e
            } catch (_: IOException) {
                false // Android deleted it in the meantime, or it cannot be read; it is written again.
            }
        }

    /** Writes the file for [key]. Calls [check] when it is complete, which throws if the weights have changed. */
    private fun write(key: String, layout: Layout, filler: Filler, load: FrzLoad, check: () -> Unit): File =
        cache.keep { partial ->
            val checksum = cache.writing { RandomAccessFile(partial, "rw") }.use { file ->
                cache.writing { reserve(file, layout.size, load) }
                val memory = cache.writing { file.channel.map(FileChannel.MapMode.READ_WRITE, 0, layout.size) }
                filler.fill(memory)
                cache.writing {
                    memory.force()
                    file.fd.sync()
                }
                checksum(memory, load)
            }
            check()
            name(key, checksum)
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

    /** Reads the file rather than mapping it, because only a garbage collection removes mappings. */
    private fun checksum(file: File, load: FrzLoad): Long = file.inputStream().use { stream ->
        val chunk = ByteArray(CHUNK)
        val checksum = CRC32()
        while (true) {
            load.checkCancelled()
            val count = stream.read(chunk)
            if (count < 0) break
            checksum.update(chunk, 0, count)
        }
        checksum.value
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

    private companion object {
        const val PREFIX = "filled-"
        const val CHUNK = 1 shl 16

        fun key(template: ByteArray, weights: FrzFile): String {
            val digest = MessageDigest.getInstance("SHA-256")
            digest.update(template)
            digest.update(weights.sha256())
            return PREFIX + digest.digest().joinToString("") { "%02x".format(it) }
        }

        fun modified() = FrzLoadException(
            FrzLoadException.Kind.UNREADABLE,
            "the weights were modified while they were read; load them again, and replace files only by renaming"
        )

        fun name(key: String, checksum: Long) = "$key-%08x".format(checksum)
    }
}
