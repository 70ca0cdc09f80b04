package io.frz.loading

import android.content.Context
import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.loading.internal.AssetPart
import io.frz.loading.internal.BufferPart
import io.frz.loading.internal.ChannelPart
import io.frz.loading.internal.DescriptorPart
import io.frz.loading.internal.FilePart
import io.frz.loading.internal.StreamPart
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** The source of a skeleton or `.frz` file. */
public abstract class FrzPart internal constructor() {
    /**
     * Returns this part for one load, which then closes it. A part that can be loaded only once is closed by the load
     * that claims it first, and by no other.
     */
    internal open fun claim(): FrzPart = this

    /** The name of the part in error messages, or null if it has none. */
    internal open val label: String? get() = null

    /** Returns all bytes of the part. Calls [check] now and then, which can cancel reading by an exception. */
    @Throws(IOException::class)
    internal abstract fun read(check: () -> Unit): ByteArray

    /** Opens the part as an `.frz` file, with the open [base] if it is a delta file. */
    @Throws(IOException::class)
    internal abstract fun open(options: FrzOptions, base: FrzFile?): FrzFile

    /** Closes the part and releases its resources. */
    @Throws(IOException::class)
    internal open fun close(): Unit = Unit

    /** Creates parts from the sources available to an app. */
    public companion object {
        /** Closes all [parts]. A failure to close one does not affect loading. */
        internal fun close(parts: List<FrzPart>) {
            for (part in parts) {
                try {
                    part.close()
                } catch (@Suppress("TooGenericExceptionCaught") _: Exception) {
                    // The bytes of the part have been read or are no longer needed.
                }
            }
        }

        /**
         * Returns the app asset [name] as a part. An asset that is stored uncompressed in the APK is mapped into
         * memory.
         */
        @JvmStatic
        public fun asset(context: Context, name: String): FrzPart = asset(context.assets, name)

        /**
         * Returns the asset [name] as a part. An asset that is stored uncompressed in the APK is mapped into memory.
         */
        @JvmStatic
        public fun asset(assets: AssetManager, name: String): FrzPart = AssetPart(assets, name)

        /**
         * Returns a file on disk as a part. It can be replaced at any time by renaming a new file to its name, but must
         * not be written to while it is loaded.
         */
        @JvmStatic
        public fun of(file: File): FrzPart = FilePart(file)

        /**
         * Returns the bytes between the position and limit of [bytes] as a part. The buffer is not modified, and
         * weights are not copied, so the app must not modify them during loading.
         */
        @JvmStatic
        public fun of(bytes: ByteBuffer): FrzPart = BufferPart(bytes)

        /** Returns an array of bytes as a part. The app must not modify them during loading. */
        @JvmStatic
        public fun of(bytes: ByteArray): FrzPart = BufferPart(ByteBuffer.wrap(bytes))

        /**
         * Returns the section of a file that [descriptor] describes, such as an asset that is stored uncompressed. The
         * section is mapped into memory. The caller closes [descriptor] after loading.
         */
        @JvmStatic
        public fun asset(descriptor: AssetFileDescriptor): FrzPart = DescriptorPart(descriptor)

        /**
         * Returns [length] bytes of the file of [channel], starting at [offset], as a part. The bytes are mapped into
         * memory, so the file must not be modified or truncated during loading. The caller closes the channel after
         * loading. If loading is cancelled while the channel is in use, which takes microseconds, it is closed.
         */
        @JvmStatic
        public fun of(channel: FileChannel, offset: Long, length: Long): FrzPart = ChannelPart(channel, offset, length)

        /**
         * Returns the contents of [stream] as a part. The stream is closed when loading ends, successfully or not. The
         * part can be loaded only once; a second load fails with [FrzLoadException.Kind.UNREADABLE].
         */
        @JvmStatic
        public fun of(stream: InputStream): FrzPart = StreamPart(stream)
    }
}
