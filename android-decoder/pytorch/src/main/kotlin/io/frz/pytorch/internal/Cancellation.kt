package io.frz.pytorch.internal

import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind

/** Says whether to go on. */
internal class Cancellation(private val cancelled: () -> Boolean) {
    /** Whether loading is cancelled. */
    val isCancelled: Boolean get() = cancelled()

    /** Throws if loading is cancelled. */
    fun check() {
        if (isCancelled) throw failure(null)
    }

    companion object {
        /** Cancellation by an interrupt of the thread, which stays interrupted. */
        val INTERRUPT = Cancellation { Thread.currentThread().isInterrupted }

        /** The exception to throw, or to pass to a callback. */
        fun failure(cause: Throwable?) = FrzModuleException(Kind.CANCELLED, "loading was cancelled", cause)
    }
}
