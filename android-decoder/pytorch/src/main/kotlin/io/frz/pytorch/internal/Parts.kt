package io.frz.pytorch.internal

import android.content.res.AssetManager
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzPart
import java.io.File
import java.io.FileNotFoundException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.atomic.AtomicBoolean

/** A file on disk, of whose weights no more is read than is needed. */
internal class FilePart(override val file: File) : FrzPart() {
    override fun read(): ByteArray = file.inputStream().use { it.readBytes() }

    override fun open(options: FrzOptions): FrzFile = FrzFile.open(file, options)
}

/** Bytes in memory, which are neither copied nor changed. */
internal class BufferPart(bytes: ByteBuffer) : FrzPart() {
    private val bytes = bytes.slice()

    override fun read(): ByteArray = ByteArray(bytes.capacity()).also { bytes.duplicate().get(it) }

    override fun open(options: FrzOptions): FrzFile = FrzFile.open(bytes, options)
}

/** A stream, which is read once. */
internal class StreamPart(private val stream: InputStream) : FrzPart() {
    private val used = AtomicBoolean()

    override fun read(): ByteArray = unused().readBytes()

    override fun open(options: FrzOptions): FrzFile = FrzFile.open(unused(), options)

    private fun unused(): InputStream {
        if (used.compareAndSet(false, true)) return stream
        throw FrzModuleException(
            FrzModuleException.Kind.UNREADABLE,
            "a part made of a stream serves one load, and this one has been used; make another of a new stream"
        )
    }

    override fun close(): Unit = stream.close()
}

/** An asset: mapped if the APK holds it uncompressed, else unpacked into memory. */
internal class AssetPart(private val assets: AssetManager, private val name: String) : FrzPart() {
    override fun read(): ByteArray = assets.open(name).use { it.readBytes() }

    override fun open(options: FrzOptions): FrzFile = FrzFile.open(map() ?: ByteBuffer.wrap(read()), options)

    private fun map(): ByteBuffer? = try {
        assets.openFd(name).use { fd ->
            fd.createInputStream().use { stream ->
                stream.channel.map(FileChannel.MapMode.READ_ONLY, fd.startOffset, fd.declaredLength)
            }
        }
    } catch (_: FileNotFoundException) {
        null // Compressed. One that is not there at all fails when it is read.
    }
}
