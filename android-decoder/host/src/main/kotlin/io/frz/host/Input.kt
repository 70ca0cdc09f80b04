package io.frz.host

import io.frz.DType
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * An input of a model: a tensor in row-major order.
 *
 * @param elements the elements, in a direct buffer in native byte order
 */
internal class Input(val shape: LongArray, val dtype: DType, private val elements: ByteBuffer) {
    constructor(shape: LongArray, values: FloatArray) : this(shape, DType.F32, buffer(Float.SIZE_BYTES * values.size)) {
        elements.asFloatBuffer().put(values)
    }

    /** Returns the elements as a direct buffer in native byte order. */
    fun buffer(): ByteBuffer = elements.duplicate().order(ByteOrder.nativeOrder())

    /** Returns the CRC-32 of the elements as hexadecimal digits. */
    fun crc32(): String = NdArray.checksum(buffer())

    companion object {
        /** Returns a new direct buffer of [size] bytes. */
        fun buffer(size: Int): ByteBuffer = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
    }
}
