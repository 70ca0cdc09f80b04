package io.frz.onnxruntime.internal

import ai.onnxruntime.platform.Fp16Conversions
import io.frz.DType
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzTensor
import io.frz.onnxruntime.FrzSession
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** What a skeleton is given of [file], which fits [contract]. */
internal class Weights(private val contract: Contract, private val file: FrzFile) {
    /** The elements of the weight [name], in a direct buffer of the skeleton's type. */
    fun load(name: String): ByteBuffer {
        val wanted = contract.wanted.getValue(name)
        val sources = contract.names(name).filter { it in file }.distinctBy { file.aliases[it] ?: it }
        val found = read(sources.first(), wanted)
        for (other in sources.drop(1)) {
            if (read(other, wanted).buffer != found.buffer) {
                throw FrzSession.mismatch("$name and $other are one tensor in the model, but differ in the file")
            }
        }
        return converted(name, found, wanted)
    }

    private fun read(source: String, wanted: Wanted): FrzTensor =
        if (wanted.spectrum == null) file.load(source) else file.core(source)

    private fun converted(name: String, found: FrzTensor, wanted: Wanted): ByteBuffer {
        val from = found.buffer
        if (found.dtype == wanted.dtype && from.isDirect) return from
        val to = allocate(name, wanted.bytes)
        while (from.hasRemaining()) {
            when (wanted.dtype) {
                DType.F16 -> to.putShort(Fp16Conversions.floatToFp16(real(from, found.dtype).toFloat()))
                DType.BF16 -> to.putShort(Fp16Conversions.floatToBf16(real(from, found.dtype).toFloat()))
                DType.F32 -> to.putFloat(real(from, found.dtype).toFloat())
                DType.F64 -> to.putDouble(real(from, found.dtype))
                else -> put(name, whole(from, found.dtype), wanted.dtype, to)
            }
        }
        to.rewind()
        return to
    }

    private fun real(from: ByteBuffer, dtype: DType): Double = when (dtype) {
        DType.F16 -> Fp16Conversions.fp16ToFloat(from.getShort()).toDouble()
        DType.BF16 -> Fp16Conversions.bf16ToFloat(from.getShort()).toDouble()
        DType.F32 -> from.getFloat().toDouble()
        else -> from.getDouble()
    }

    private fun whole(from: ByteBuffer, dtype: DType): Long = when (dtype) {
        DType.BOOL, DType.U8 -> from.get().toLong() and BYTE
        DType.I8 -> from.get().toLong()
        DType.I16 -> from.getShort().toLong()
        DType.I32 -> from.getInt().toLong()
        else -> from.getLong()
    }

    private fun put(name: String, value: Long, dtype: DType, to: ByteBuffer) {
        val range = when (dtype) {
            DType.BOOL -> 0L..1L
            DType.U8 -> 0L..BYTE
            DType.I8 -> Byte.MIN_VALUE.toLong()..Byte.MAX_VALUE.toLong()
            DType.I16 -> Short.MIN_VALUE.toLong()..Short.MAX_VALUE.toLong()
            DType.I32 -> Int.MIN_VALUE.toLong()..Int.MAX_VALUE.toLong()
            else -> Long.MIN_VALUE..Long.MAX_VALUE
        }
        if (value !in range) throw FrzSession.mismatch("$name holds integers that do not fit into ${dtype.label}")
        when (dtype.bytes) {
            Byte.SIZE_BYTES -> to.put(value.toByte())
            Short.SIZE_BYTES -> to.putShort(value.toShort())
            Int.SIZE_BYTES -> to.putInt(value.toInt())
            else -> to.putLong(value)
        }
    }

    private fun allocate(name: String, size: Long): ByteBuffer {
        if (size <= Int.MAX_VALUE) {
            try {
                return ByteBuffer.allocateDirect(size.toInt()).order(ByteOrder.LITTLE_ENDIAN)
            } catch (e: OutOfMemoryError) {
                throw FrzException(ErrorCode.BUDGET, "this machine has no $size bytes of memory left", name, cause = e)
            }
        }
        throw FrzException(ErrorCode.BUDGET, "no buffer holds $size bytes", name)
    }

    private companion object {
        const val BYTE = 0xFFL
    }
}
