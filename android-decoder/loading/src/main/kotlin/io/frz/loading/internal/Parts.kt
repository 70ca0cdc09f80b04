package io.frz.loading.internal

import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzPart
import java.io.File
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.atomic.AtomicBoolean

/** A file on disk; weights are read on demand. */
internal class FilePart(override val file: File) : FrzPart() {
    override fun read(): ByteArray = file.inputStream().use { it.readBytes() }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = FrzFile.open(file, options, base)
}

/** Bytes in memory, which are not modified; weights are read without being copied. */
internal class BufferPart(bytes: ByteBuffer) : FrzPart() {
    private val bytes = bytes.slice()

    override fun read(): ByteArray = ByteArray(bytes.capacity()).also { bytes.duplicate().get(it) }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = FrzFile.open(bytes, options, base)
}

/** A stream, which can be read only once. */
internal class StreamPart(private val stream: InputStream) : FrzPart() {
    private val used = AtomicBoolean()

    override fun read(): ByteArray = unused().readBytes()

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = FrzFile.open(unused(), options, base)

    private fun unused(): InputStream {
        if (used.compareAndSet(false, true)) return stream
        throw FrzLoadException(
            FrzLoadException.Kind.UNREADABLE,
            "a stream can be loaded only once, and this one has been used; create another part from a new stream"
        )
    }

    override fun close(): Unit = stream.close()
}

/** A section of a channel's file, mapped into memory. */
internal class ChannelPart(private val channel: FileChannel, private val offset: Long, private val length: Long) :
    FrzPart() {
    override fun read(): ByteArray {
        if (length > MOST_BYTES) throw IOException("$length bytes are too large for a skeleton")
        val bytes = ByteArray(length.toInt())
        channel.map(FileChannel.MapMode.READ_ONLY, offset, length).get(bytes)
        return bytes
    }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile =
        FrzFile.open(channel, offset, length, options, base)

    private companion object {
        const val MOST_BYTES = Int.MAX_VALUE - 8L
    }
}

/** A section of a file that Android has opened. */
internal class DescriptorPart(private val descriptor: AssetFileDescriptor) : FrzPart() {
    override fun read(): ByteArray = part().read()

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = part().open(options, base)

    private fun part(): ChannelPart {
        val channel = FileInputStream(descriptor.fileDescriptor).channel
        val isKnown = descriptor.declaredLength != AssetFileDescriptor.UNKNOWN_LENGTH
        val length = if (isKnown) descriptor.declaredLength else channel.size() - descriptor.startOffset
        return ChannelPart(channel, descriptor.startOffset, length)
    }
}

/** An asset: mapped if it is stored uncompressed in the APK, otherwise unpacked into memory. */
internal class AssetPart(private val assets: AssetManager, private val name: String) : FrzPart() {
    override fun read(): ByteArray = assets.open(name).use { it.readBytes() }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile {
        val descriptor = try {
            assets.openFd(name)
        } catch (_: FileNotFoundException) {
            return FrzFile.open(read(), options, base) // Compressed, or missing: then read() fails.
        }
        return descriptor.use { DescriptorPart(it).open(options, base) }
    }
}
