package io.frz.pytorch.internal

import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind

/** Asked between tensors whether to go on. */
internal class Cancellation(private val cancelled: () -> Boolean) {
    /** Throws if loading is cancelled. */
    fun check() {
        if (cancelled()) throw failure(null)
    }

    companion object {
        /** By an interrupt of the thread, which stays interrupted. */
        val INTERRUPT = Cancellation { Thread.currentThread().isInterrupted }

        /** What is thrown, or told to a callback. */
        fun failure(cause: Throwable?) = FrzModuleException(Kind.CANCELLED, "loading was cancelled", cause)
    }
}
