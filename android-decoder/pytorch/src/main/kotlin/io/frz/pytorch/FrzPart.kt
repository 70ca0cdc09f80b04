package io.frz.pytorch

import android.content.Context
import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.pytorch.internal.AssetPart
import io.frz.pytorch.internal.BufferPart
import io.frz.pytorch.internal.ChannelPart
import io.frz.pytorch.internal.DescriptorPart
import io.frz.pytorch.internal.FilePart
import io.frz.pytorch.internal.StreamPart
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** Where a skeleton or an `.frz` file comes from. */
public abstract class FrzPart internal constructor() {
    /** The file on disk, or null if the part is not a file. */
    internal open val file: File? get() = null

    /** All of its bytes. */
    @Throws(IOException::class)
    internal abstract fun read(): ByteArray

    /** Opens the part as weights. */
    @Throws(IOException::class)
    internal abstract fun open(options: FrzOptions): FrzFile

    /** Releases the source. */
    @Throws(IOException::class)
    internal open fun close(): Unit = Unit

    /** Functions that make parts from the sources an app can have. */
    public companion object {
        /** Releases all [parts]. Failing to close one does not affect loading. */
        internal fun close(parts: List<FrzPart>) {
            for (part in parts) {
                try {
                    part.close()
                } catch (@Suppress("TooGenericExceptionCaught") _: Exception) {
                    // Its bytes have been read or are no longer needed.
                }
            }
        }

        /** The app asset [name]. An asset that is stored uncompressed in the APK is mapped, not read. */
        @JvmStatic
        public fun asset(context: Context, name: String): FrzPart = asset(context.assets, name)

        /** The asset [name]. An asset that is stored uncompressed in the APK is mapped, not read. */
        @JvmStatic
        public fun asset(assets: AssetManager, name: String): FrzPart = AssetPart(assets, name)

        /** A file on disk. */
        @JvmStatic
        public fun of(file: File): FrzPart = FilePart(file)

        /** The bytes between the position and limit of [bytes], which is not modified. Weights are not copied. */
        @JvmStatic
        public fun of(bytes: ByteBuffer): FrzPart = BufferPart(bytes)

        /** Bytes in memory. */
        @JvmStatic
        public fun of(bytes: ByteArray): FrzPart = BufferPart(ByteBuffer.wrap(bytes))

        /**
         * Part of a file, such as an asset that is stored uncompressed. It is mapped, not read. The caller closes
         * [descriptor] after loading.
         */
        @JvmStatic
        public fun of(descriptor: AssetFileDescriptor): FrzPart = DescriptorPart(descriptor)

        /** [length] bytes of the file of [channel], starting at [offset]; mapped. The caller closes the channel. */
        @JvmStatic
        public fun of(channel: FileChannel, offset: Long, length: Long): FrzPart = ChannelPart(channel, offset, length)

        /**
         * The contents of [stream], which is closed when loading ends, successfully or not. The part can be loaded
         * once; a second load fails with [FrzModuleException.Kind.UNREADABLE].
         */
        @JvmStatic
        public fun of(stream: InputStream): FrzPart = StreamPart(stream)
    }
}
