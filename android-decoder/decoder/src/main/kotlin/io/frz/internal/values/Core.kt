package io.frz.internal.values

import io.frz.ErrorCode
import io.frz.FrzException
import java.nio.ByteBuffer

/**
 * The canonical values of a core or factor, in zigzag order if it is a prefix of that order, otherwise in row-major
 * order. They are stored in [floats] or, if they are the elements of the tensor bit for bit, in [elements].
 */
internal class Core private constructor(private val floats: FloatArray?, private val elements: ByteBuffer?) {
    constructor(floats: FloatArray) : this(floats, null)

    constructor(elements: ByteBuffer) : this(null, elements)

    /** Whether the values are the tensor's elements. */
    val isExact: Boolean get() = elements != null

    /** What is wrong with a value, or null if all values are valid. */
    var problem: String? = null

    fun floats(): FloatArray = checkNotNull(floats)

    /** Returns the bytes of the elements in little-endian order. */
    fun elements(): ByteBuffer = checkNotNull(elements).duplicate()

    /** Returns this core if all values of [tensor] are valid, otherwise throws. */
    fun checked(tensor: String?): Core = apply { check(problem, tensor) }

    companion object {
        /** Throws an error about [tensor] if there is a [problem]. */
        fun check(problem: String?, tensor: String?) {
            if (problem != null) throw FrzException(ErrorCode.VALUE, problem, tensor)
        }
    }
}
