package io.frz.template.internal

import io.frz.DType
import io.frz.FrzTensor
import io.frz.loading.FrzHalf
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

/** Returns these numbers as the elements of an array. */
internal fun FloatArray.elements(): Elements = Numbers(this)

private class Numbers(private val numbers: FloatArray) : Elements {
    override fun float(index: Int) = numbers[index]
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
    override fun float(index: Int) = Float.fromBits(FrzHalf.toFloatBits(buffer.getShort(index * Short.SIZE_BYTES)))
}
