package io.frz.internal

import io.frz.ErrorCode
import io.frz.FrzException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The memory that one request may take. It is consulted before anything is allocated. */
internal class Budget(val bytes: Long) {
    /** Whether a request may take [needed] bytes. */
    fun allows(needed: Long): Boolean = needed <= bytes

    /** Refuses a request that needs [needed] bytes for [tensor] if that exceeds the budget. */
    fun require(needed: Long, tensor: String?) {
        if (needed > bytes) {
            throw FrzException(
                ErrorCode.BUDGET,
                "the request needs $needed bytes of memory and may take $bytes; allow more, or ask for less at a time",
                tensor
            )
        }
    }

    companion object {
        /** The longest array or buffer that every virtual machine can hold. */
        const val LONGEST = Int.MAX_VALUE - 8L

        /**
         * Refuses an array or buffer with [size] of [what] for [tensor] if the platform does not support that length.
         */
        fun requireArray(size: Long, what: String, tensor: String?) {
            if (size > LONGEST) {
                throw FrzException(ErrorCode.BUDGET, "$size $what are more than one buffer can hold here", tensor)
            }
        }

        /** A direct buffer, zeroed, in the order that `.frz` files and all Android devices use. */
        fun allocate(bytes: Long, tensor: String?): ByteBuffer {
            requireArray(bytes, "bytes", tensor)
            return allocating(bytes, tensor) {
                ByteBuffer.allocateDirect(bytes.toInt()).order(ByteOrder.LITTLE_ENDIAN)
            }
        }

        /**
         * Runs [allocate], which takes about [bytes] bytes; throws [ErrorCode.BUDGET] if the machine does not have
         * them.
         */
        inline fun <T> allocating(bytes: Long, tensor: String?, allocate: () -> T): T = try {
            allocate()
        } catch (e: OutOfMemoryError) {
            throw refusal("this machine has no $bytes bytes of memory left", tensor, e)
        }

        /** The error for memory that ran out anywhere. Creating it succeeds even if no memory is left. */
        fun exhausted(tensor: String?, cause: OutOfMemoryError): FrzException = try {
            refusal("this machine has no memory left for the request", tensor, cause)
        } catch (_: OutOfMemoryError) {
            EXHAUSTED
        }

        fun refusal(problem: String, tensor: String?, cause: OutOfMemoryError?) =
            FrzException(ErrorCode.BUDGET, "$problem; free some, or ask for less at a time", tensor, cause = cause)

        private val EXHAUSTED = refusal("this machine has no memory left for the request", null, null)
    }
}
