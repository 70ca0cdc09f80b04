package io.frz.pytorch.internal

import io.frz.DType
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.TensorInfo
import io.frz.loading.FrzHalf
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.pytorch.Tensor

/**
 * Converts elements of a dtype to elements of the runtime, which has no 16-bit types.
 *
 * @property bytes the size of an element in the runtime
 */
internal enum class Elements(val bytes: Int) {
    BYTES(1) {
        override fun tensor(memory: ByteBuffer, shape: LongArray): Tensor = Tensor.fromBlob(memory, shape)
    },
    UNSIGNED_BYTES(1) {
        override fun tensor(memory: ByteBuffer, shape: LongArray): Tensor = Tensor.fromBlobUnsigned(memory, shape)
    },
    INTS(4) {
        override fun tensor(memory: ByteBuffer, shape: LongArray): Tensor = Tensor.fromBlob(memory.asIntBuffer(), shape)
    },
    LONGS(8) {
        override fun tensor(memory: ByteBuffer, shape: LongArray): Tensor =
            Tensor.fromBlob(memory.asLongBuffer(), shape)
    },
    FLOATS(4) {
        override fun tensor(memory: ByteBuffer, shape: LongArray): Tensor =
            Tensor.fromBlob(memory.asFloatBuffer(), shape)
    },
    DOUBLES(8) {
        override fun tensor(memory: ByteBuffer, shape: LongArray): Tensor =
            Tensor.fromBlob(memory.asDoubleBuffer(), shape)
    };

    /** Returns a runtime tensor with the elements in [memory]. */
    abstract fun tensor(memory: ByteBuffer, shape: LongArray): Tensor

    companion object {
        /** Returns the conversion for the tensor [info]. */
        fun of(info: TensorInfo): Elements = when (info.dtype) {
            DType.BOOL, DType.U8 -> UNSIGNED_BYTES

            DType.I8 -> BYTES

            DType.I16, DType.I32 -> INTS

            DType.I64 -> LONGS

            DType.F16, DType.BF16, DType.F32 -> FLOATS

            DType.F64 -> DOUBLES

            else -> throw FrzException(
                ErrorCode.UNSUPPORTED,
                "PyTorch Mobile has no type for ${info.dtype.label}; convert the tensor before encoding the file",
                info.name
            )
        }

        /** Returns the size of the tensor [info] in the runtime, in bytes. */
        fun bytes(info: TensorInfo): Long = info.elements * of(info).bytes

        /**
         * Widens 16-bit elements in place. Before the call, they are in the upper half of [memory]; afterwards, they
         * fill all of it. No element is overwritten before it has been read.
         */
        fun widen(dtype: DType, memory: ByteBuffer) {
            memory.order(ByteOrder.LITTLE_ENDIAN)
            when (dtype) {
                DType.I16 -> widen(memory) { it.toInt() }
                DType.BF16 -> widen(memory) { it.toInt() shl 16 }
                DType.F16 -> widen(memory) { FrzHalf.toFloatBits(it) }
                else -> Unit
            }
        }

        private inline fun widen(memory: ByteBuffer, convert: (Short) -> Int) {
            val from = memory.capacity() / 2
            for (i in 0 until from / 2) memory.putInt(4 * i, convert(memory.getShort(from + 2 * i)))
        }
    }
}
