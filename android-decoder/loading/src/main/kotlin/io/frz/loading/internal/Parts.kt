package io.frz.loading.internal

import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzPart
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.io.InterruptedIOException
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.atomic.AtomicBoolean

/** A file on disk; weights are read on demand. */
internal class FilePart(private val file: File) : FrzPart() {
    override val label: String get() = file.path

    override fun read(check: () -> Unit): ByteArray = file.inputStream().use { it.bytes(check) }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = FrzFile.open(file, options, base)
}

/** Bytes in memory, which are not modified; weights are read without being copied. */
internal class BufferPart(bytes: ByteBuffer) : FrzPart() {
    private val bytes = bytes.slice()

    override fun read(check: () -> Unit): ByteArray = ByteArray(bytes.capacity()).also { bytes.duplicate().get(it) }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = FrzFile.open(bytes, options, base)
}

/** A stream, which belongs to the first load that claims it. */
internal class StreamPart(private val stream: InputStream) : FrzPart() {
    private val isClaimed = AtomicBoolean()

    override fun claim(): FrzPart = if (isClaimed.compareAndSet(false, true)) ClaimedStream(stream) else UsedStream

    override fun read(check: () -> Unit): ByteArray = claim().read(check)

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = claim().open(options, base)
}

/** A stream that belongs to one load. */
private class ClaimedStream(private val stream: InputStream) : FrzPart() {
    override fun read(check: () -> Unit): ByteArray = stream.bytes(check)

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = FrzFile.open(stream, options, base)

    override fun close(): Unit = stream.close()
}

/** A stream that belongs to another load. */
private object UsedStream : FrzPart() {
    override fun read(check: () -> Unit): ByteArray = throw used()

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = throw used()

    private fun used() = FrzLoadException(
        FrzLoadException.Kind.UNREADABLE,
        "a stream can be loaded only once, and this one has been used; create another part from a new stream"
    )
}

/** A section of a channel's file, mapped into memory. */
internal class ChannelPart(private val channel: FileChannel, private val offset: Long, private val length: Long) :
    FrzPart() {
    override fun read(check: () -> Unit): ByteArray {
        if (length !in 0..MOST_BYTES) throw IOException("a skeleton cannot have $length bytes")
        requireUninterrupted()
        // Mapping more than the file would lengthen a file that is open for writing.
        val size = channel.size()
        if (offset !in 0..size - length) {
            throw IOException("the channel has $size bytes; it does not contain $length bytes from offset $offset")
        }
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
    override fun read(check: () -> Unit): ByteArray = part().read(check)

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile = part().open(options, base)

    private fun part(): ChannelPart {
        requireUninterrupted()
        val channel = FileInputStream(descriptor.fileDescriptor).channel
        val isKnown = descriptor.declaredLength != AssetFileDescriptor.UNKNOWN_LENGTH
        val length = if (isKnown) descriptor.declaredLength else channel.size() - descriptor.startOffset
        return ChannelPart(channel, descriptor.startOffset, length)
    }
}

/** An asset: mapped if it is stored uncompressed in the APK, otherwise unpacked into memory up to the tier. */
internal class AssetPart(private val assets: AssetManager, private val name: String) : FrzPart() {
    override val label: String get() = name

    override fun read(check: () -> Unit): ByteArray = assets.open(name).use { it.bytes(check) }

    override fun open(options: FrzOptions, base: FrzFile?): FrzFile {
        val descriptor = try {
            assets.openFd(name)
        } catch (_: FileNotFoundException) {
            // The asset is compressed, or missing: then it cannot be opened as a stream either.
            return assets.open(name).use { FrzFile.open(it, options, base) }
        }
        return descriptor.use { DescriptorPart(it).open(options, base) }
    }
}

/**
 * Returns the bytes that are left in this stream. This function calls [check] between reads, which can cancel it by an
 * exception. It does not call [InputStream.available], which some streams implement incorrectly.
 */
private fun InputStream.bytes(check: () -> Unit): ByteArray {
    val bytes = ByteArrayOutputStream()
    val chunk = ByteArray(CHUNK)
    while (true) {
        check()
        val count = read(chunk)
        if (count < 0) return bytes.toByteArray()
        if (count == 0) throw IOException("the stream returned no bytes, although it has not ended")
        bytes.write(chunk, 0, count)
    }
}

/** Throws if the thread was interrupted. Using a channel would then close it, and the app could not load it again. */
private fun requireUninterrupted() {
    if (Thread.currentThread().isInterrupted) throw InterruptedIOException("the thread was interrupted")
}

private const val CHUNK = 1 shl 16
