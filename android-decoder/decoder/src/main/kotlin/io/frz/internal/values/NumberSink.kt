package io.frz.internal.values

import io.frz.DType
import io.frz.internal.Float16
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** A destination for numbers. */
internal fun interface NumberSink {
    /** Writes the first [count] of [numbers], starting at [place]. */
    fun put(place: Long, numbers: FloatArray, count: Int)

    companion object {
        /** Discards numbers that only need to be checked. */
        val NOWHERE = NumberSink { _, _, _ -> }

        fun of(target: FloatArray) = NumberSink { place, numbers, count ->
            System.arraycopy(numbers, 0, target, place.toInt(), count)
        }

        /** Returns a sink that writes numbers to [target] as elements of [dtype], each rounded once. */
        fun of(dtype: DType, target: ByteBuffer): NumberSink {
            val bytes = target.slice().order(ByteOrder.LITTLE_ENDIAN)
            return when (dtype) {
                DType.F64 -> {
                    val elements = bytes.asDoubleBuffer()
                    NumberSink { place, numbers, count ->
                        for (i in 0 until count) elements.put(place.toInt() + i, numbers[i].toDouble())
                    }
                }

                DType.F32 -> {
                    val elements = bytes.asFloatBuffer()
                    NumberSink { place, numbers, count ->
                        elements.position(place.toInt())
                        elements.put(numbers, 0, count)
                    }
                }

                else -> {
                    val elements = bytes.asShortBuffer()
                    val format = if (dtype == DType.F16) Float16.F16 else Float16.BF16
                    NumberSink { place, numbers, count ->
                        for (i in 0 until count) elements.put(place.toInt() + i, format.round(numbers[i].toDouble()))
                    }
                }
            }
        }
    }
}
