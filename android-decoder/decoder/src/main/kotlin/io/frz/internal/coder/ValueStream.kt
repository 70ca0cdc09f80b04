package io.frz.internal.coder

import java.io.Closeable
import java.nio.ByteBuffer

/**
 * The values of one segment, decoded one after the other into little-endian bytes.
 *
 * A stream that is malformed or holds fewer values than asked for is `STREAM`.
 */
internal interface ValueStream : Closeable {
    /** Says that the values of the next tensor begin. */
    fun startTensor() = Unit

    /** Fills [target] with whole values. */
    fun read(target: ByteBuffer)

    /** Says that no value is wanted any more; the stream must be at its end. */
    fun finish()

    override fun close() = Unit
}
