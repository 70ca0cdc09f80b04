package io.frz.onnxruntime.internal

import ai.onnxruntime.platform.Fp16Conversions
import io.frz.DType
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Converts the elements of the weight [name] between two floating-point or two integer types. */
internal class Conversion(private val name: String, private val source: DType, private val target: DType) {
    /** Converts all elements of [from] and writes them to [to]; both are little-endian. */
    fun copy(from: ByteBuffer, to: ByteBuffer) {
        val elements = from.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        if (source == target) {
            to.put(elements)
            return
        }
        while (elements.hasRemaining()) {
            when (target) {
                DType.F16, DType.BF16, DType.F32 -> put(real(elements), to)
                DType.F64 -> to.putDouble(real(elements))
                else -> put(whole(elements), to)
            }
        }
    }

    /** Returns whether the elements of [from], after conversion, equal those of [to]. */
    fun isSame(from: ByteBuffer, to: ByteBuffer): Boolean {
        val converted = ByteBuffer.allocate(to.remaining()).order(ByteOrder.LITTLE_ENDIAN)
        copy(from, converted)
        converted.rewind()
        return converted == to
    }

    private fun real(from: ByteBuffer): Double = when (source) {
        DType.F16 -> Fp16Conversions.fp16ToFloat(from.getShort()).toDouble()
        DType.BF16 -> Fp16Conversions.bf16ToFloat(from.getShort()).toDouble()
        DType.F32 -> from.getFloat().toDouble()
        else -> from.getDouble()
    }

    /** Writes [value], rounded once to the nearest number of a type with up to 32 bits. */
    private fun put(value: Double, to: ByteBuffer) {
        val isInfinite = when (target) {
            DType.F16 -> Fp16Conversions.floatToFp16(odd(value)).also { to.putShort(it) }.isInfinite(F16_INFINITY)
            DType.BF16 -> Fp16Conversions.floatToBf16(odd(value)).also { to.putShort(it) }.isInfinite(BF16_INFINITY)
            else -> value.toFloat().also { to.putFloat(it) }.isInfinite()
        }
        if (isInfinite && !value.isInfinite()) {
            throw OnnxRuntime.mismatch("$name has elements that do not fit into ${target.label}")
        }
    }

    private fun Short.isInfinite(infinity: Int): Boolean = toInt() and SIGNLESS == infinity

    /**
     * Returns [value] if it is a 32-bit float, otherwise the neighboring float with an odd significand. Rounding the
     * result to 16 bits is the same as rounding [value] itself, which rounding to the nearest float first is not.
     */
    private fun odd(value: Double): Float {
        val nearest = value.toFloat()
        if (value.isNaN() || nearest.toDouble() == value) return nearest
        val isBeyond = Math.abs(nearest.toDouble()) > Math.abs(value)
        val truncated = nearest.toRawBits() - if (isBeyond) 1 else 0
        return Float.fromBits(truncated or 1)
    }

    private fun whole(from: ByteBuffer): Long = when (source) {
        DType.BOOL, DType.U8 -> from.get().toLong() and BYTE
        DType.I8 -> from.get().toLong()
        DType.I16 -> from.getShort().toLong()
        DType.I32 -> from.getInt().toLong()
        else -> from.getLong()
    }

    private fun put(value: Long, to: ByteBuffer) {
        val range = when (target) {
            DType.BOOL -> 0L..1L
            DType.U8 -> 0L..BYTE
            DType.I8 -> Byte.MIN_VALUE.toLong()..Byte.MAX_VALUE.toLong()
            DType.I16 -> Short.MIN_VALUE.toLong()..Short.MAX_VALUE.toLong()
            DType.I32 -> Int.MIN_VALUE.toLong()..Int.MAX_VALUE.toLong()
            else -> Long.MIN_VALUE..Long.MAX_VALUE
        }
        if (value !in range) throw OnnxRuntime.mismatch("$name has integers that do not fit into ${target.label}")
        when (target.bytes) {
            Byte.SIZE_BYTES -> to.put(value.toByte())
            Short.SIZE_BYTES -> to.putShort(value.toShort())
            Int.SIZE_BYTES -> to.putInt(value.toInt())
            else -> to.putLong(value)
        }
    }

    private companion object {
        const val BYTE = 0xFFL
        const val SIGNLESS = 0x7FFF
        const val F16_INFINITY = 0x7C00
        const val BF16_INFINITY = 0x7F80
    }
}
