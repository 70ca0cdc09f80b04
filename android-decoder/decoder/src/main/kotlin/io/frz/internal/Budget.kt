package io.frz.internal

import io.frz.ErrorCode
import io.frz.FrzException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The memory that one request may use. It is checked before anything is allocated. */
internal class Budget(val bytes: Long) {
    /** Returns whether a request may use [needed] bytes. */
    fun allows(needed: Long): Boolean = needed <= bytes

    /** Throws if a request for [tensor] that needs [needed] bytes exceeds the budget. */
    fun require(needed: Long, tensor: String?) {
        if (needed > bytes) {
            throw FrzException(
                ErrorCode.BUDGET,
                "the request needs $needed bytes, but the memory budget is $bytes; raise it, or request less at a time",
                tensor
            )
        }
    }

    companion object {
        /** The maximum length of an array or buffer that every virtual machine supports. */
        const val LONGEST = Int.MAX_VALUE - 8L

        /** Throws if an array or buffer of [size] [what] for [tensor] is longer than the platform supports. */
        fun requireArray(size: Long, what: String, tensor: String?) {
            if (size > LONGEST) {
                throw FrzException(ErrorCode.BUDGET, "$size $what exceed the largest buffer on this platform", tensor)
            }
        }

        /**
         * Allocates a zeroed direct buffer in little-endian order, the byte order of `.frz` files and all Android
         * devices.
         */
        fun allocate(bytes: Long, tensor: String?): ByteBuffer {
            requireArray(bytes, "bytes", tensor)
            return allocating(bytes, tensor) {
                ByteBuffer.allocateDirect(bytes.toInt()).order(ByteOrder.LITTLE_ENDIAN)
            }
        }

        /** Runs [allocate], which needs about [bytes] bytes; fails with [ErrorCode.BUDGET] if memory runs out. */
        inline fun <T> allocating(bytes: Long, tensor: String?, allocate: () -> T): T = try {
            allocate()
        } catch (e: OutOfMemoryError) {
            throw refusal("$bytes bytes of memory are not available", tensor, e)
        }

        /**
         * Returns the error to throw when memory has run out. If too little memory is left to create an error, the
         * result is one that was allocated in advance.
         */
        fun exhausted(tensor: String?, cause: OutOfMemoryError): FrzException = try {
            refusal("there is not enough memory for the request", tensor, cause)
        } catch (_: OutOfMemoryError) {
            EXHAUSTED
        }

        fun refusal(problem: String, tensor: String?, cause: OutOfMemoryError?) =
            FrzException(ErrorCode.BUDGET, "$problem; free memory, or request less at a time", tensor, cause = cause)

        private val EXHAUSTED = refusal("there is not enough memory for the request", null, null)
    }
}
