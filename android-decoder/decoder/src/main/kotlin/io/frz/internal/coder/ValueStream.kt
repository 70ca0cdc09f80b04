package io.frz.internal.coder

import java.io.Closeable
import java.nio.ByteBuffer

/**
 * The values of one segment, in order. They can be read as numbers or as little-endian bytes.
 *
 * Reading a stream that is malformed or ends early fails with `STREAM`.
 */
internal interface ValueStream : Closeable {
    /** Starts [run]. */
    fun start(run: Run) = Unit

    /**
     * Writes the next [count] values to [target], starting at [from]: integers, or the bits of 16- and 32-bit floats.
     */
    fun read(target: IntArray, from: Int, count: Int)

    /** Fills [target] with the bytes of whole values. */
    fun read(target: ByteBuffer)

    /** Skips the next [count] values if that is possible without decoding them. */
    fun skip(count: Long): Boolean = false

    /** Checks that the whole stream has been read; called after the last value. */
    fun finish()

    override fun close() = Unit
}
