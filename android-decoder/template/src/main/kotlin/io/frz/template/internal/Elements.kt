package io.frz.template.internal

import io.frz.DType
import io.frz.FrzTensor
import java.nio.ByteBuffer

/** Provides the elements of an array by their row-major index. */
internal interface Elements {
    /** Returns element [index], rounded to the nearest 32-bit float. */
    fun float(index: Int): Float
}

/** Returns the elements of this tensor, which has a floating-point type. */
internal fun FrzTensor.elements(): Elements = when (dtype) {
    DType.F16 -> Binary16(buffer)
    DType.BF16 -> Brain16(buffer)
    DType.F32 -> Binary32(buffer)
    else -> Binary64(buffer, name)
}

private class Binary32(private val buffer: ByteBuffer) : Elements {
    override fun float(index: Int) = buffer.getFloat(index * Float.SIZE_BYTES)
}

private class Binary64(private val buffer: ByteBuffer, private val name: String) : Elements {
    override fun float(index: Int): Float {
        val exact = buffer.getDouble(index * Double.SIZE_BYTES)
        val rounded = exact.toFloat()
        if (rounded.isInfinite() && !exact.isInfinite()) throw mismatch("$name has elements that do not fit into f32")
        return rounded
    }
}

private class Brain16(private val buffer: ByteBuffer) : Elements {
    override fun float(index: Int) =
        Float.fromBits(buffer.getShort(index * Short.SIZE_BYTES).toInt() shl Short.SIZE_BITS)
}

private class Binary16(private val buffer: ByteBuffer) : Elements {
    override fun float(index: Int): Float {
        val bits = buffer.getShort(index * Short.SIZE_BYTES).toInt()
        val sign = bits and SIGN shl Short.SIZE_BITS
        val magnitude = bits and SIGN.inv() and MASK shl SHIFT
        if (bits and INFINITY == INFINITY) return Float.fromBits(sign or magnitude or INFINITE)
        // After the shift, the exponent is too small. Multiplying by SCALE corrects it, also for subnormal numbers.
        return Float.fromBits(sign or (Float.fromBits(magnitude) * SCALE).toRawBits())
    }

    private companion object {
        const val SIGN = 0x8000
        const val MASK = 0xFFFF
        const val INFINITY = 0x7C00
        const val INFINITE = 0x7F800000
        const val SHIFT = 13
        const val EXPONENT = 112
        val SCALE = Math.scalb(1f, EXPONENT)
    }
}
