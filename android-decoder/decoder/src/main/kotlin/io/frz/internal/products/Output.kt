package io.frz.internal.products

import io.frz.DType
import io.frz.internal.Float16
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.DoubleBuffer
import java.nio.FloatBuffer
import java.nio.ShortBuffer

/**
 * Writes rebuilt values and rounds each once. Instances are not thread-safe, but several can write to the same memory.
 */
internal interface Output {
    /**
     * Writes [count] of [values], starting at [from], to consecutive elements, starting at [at]. [count] is at most
     * [Panel.LENGTH].
     */
    fun put(values: DoubleArray, count: Int, at: Int, from: Int = 0)

    /** Writes the first [count] of [values] to every [stride]th element, starting at [at]. */
    fun scatter(values: DoubleArray, count: Int, at: Int, stride: Int)

    companion object {
        /** Returns a writer of elements of [dtype] to [target]. */
        fun of(dtype: DType, target: ByteBuffer): Output {
            val bytes = target.slice().order(ByteOrder.LITTLE_ENDIAN)
            return when (dtype) {
                DType.F64 -> DoubleOutput(bytes.asDoubleBuffer())
                DType.F32 -> FloatOutput(bytes.asFloatBuffer())
                DType.F16 -> Float16Output(bytes.asShortBuffer(), Float16.F16)
                else -> Float16Output(bytes.asShortBuffer(), Float16.BF16)
            }
        }
    }
}

internal class ArrayOutput(private val target: DoubleArray) : Output {
    override fun put(values: DoubleArray, count: Int, at: Int, from: Int) =
        System.arraycopy(values, from, target, at, count)

    override fun scatter(values: DoubleArray, count: Int, at: Int, stride: Int) {
        for (i in 0 until count) target[at + i * stride] = values[i]
    }
}

private class DoubleOutput(private val target: DoubleBuffer) : Output {
    override fun put(values: DoubleArray, count: Int, at: Int, from: Int) {
        target.position(at)
        target.put(values, from, count)
    }

    override fun scatter(values: DoubleArray, count: Int, at: Int, stride: Int) {
        for (i in 0 until count) target.put(at + i * stride, values[i])
    }
}

private class FloatOutput(private val target: FloatBuffer) : Output {
    private val rounded = FloatArray(Panel.LENGTH)

    override fun put(values: DoubleArray, count: Int, at: Int, from: Int) {
        for (i in 0 until count) rounded[i] = values[from + i].toFloat()
        target.position(at)
        target.put(rounded, 0, count)
    }

    override fun scatter(values: DoubleArray, count: Int, at: Int, stride: Int) {
        for (i in 0 until count) target.put(at + i * stride, values[i].toFloat())
    }
}

private class Float16Output(private val target: ShortBuffer, private val format: Float16) : Output {
    private val rounded = ShortArray(Panel.LENGTH)

    override fun put(values: DoubleArray, count: Int, at: Int, from: Int) {
        for (i in 0 until count) rounded[i] = format.round(values[from + i])
        target.position(at)
        target.put(rounded, 0, count)
    }

    override fun scatter(values: DoubleArray, count: Int, at: Int, stride: Int) {
        for (i in 0 until count) target.put(at + i * stride, format.round(values[i]))
    }
}
