package io.frz.internal.coder

import java.io.Closeable
import java.nio.ByteBuffer

/**
 * The values of one segment, one after the other: each is available as a number or as little-endian bytes.
 *
 * A stream that is malformed, or holds fewer values than requested, causes the error `STREAM`.
 */
internal interface ValueStream : Closeable {
    /** Announces that the values of [run] follow. */
    fun start(run: Run) = Unit

    /**
     * Writes the next [count] values to [target] from index [from] on: integers, or the bits of floats of up to 32
     * bits.
     */
    fun read(target: IntArray, from: Int, count: Int)

    /** Fills [target] with the bytes of whole values. */
    fun read(target: ByteBuffer)

    /** Skips the next [count] values, if that is possible without decoding them. */
    fun skip(count: Long): Boolean = false

    /** Announces that no more values are needed; the stream must be at its end. */
    fun finish()

    override fun close() = Unit
}
