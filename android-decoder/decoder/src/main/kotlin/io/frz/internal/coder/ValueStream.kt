package io.frz.internal.coder

import java.io.Closeable
import java.nio.ByteBuffer

/**
 * The values of one segment, one after the other: each can be had as a number or as little-endian bytes.
 *
 * A stream that is malformed or holds fewer values than asked for is `STREAM`.
 */
internal interface ValueStream : Closeable {
    /** Says that the values of [run] follow. */
    fun start(run: Run) = Unit

    /** Gives the next [count] values to [target] from [from] on: integers, or the bits of floats of up to 32 bits. */
    fun read(target: IntArray, from: Int, count: Int)

    /** Fills [target] with the bytes of whole values. */
    fun read(target: ByteBuffer)

    /** Passes over the next [count] values, if that can be done without decoding them. */
    fun skip(count: Long): Boolean = false

    /** Says that no value is wanted any more; the stream must be at its end. */
    fun finish()

    override fun close() = Unit
}
