package io.frz.pytorch.internal

import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind

/** Says whether to go on. */
internal class Cancellation(private val cancelled: () -> Boolean) {
    /** Whether loading is cancelled. */
    val isCancelled: Boolean get() = cancelled()

    /** Throws if it is. */
    fun check() {
        if (isCancelled) throw failure(null)
    }

    companion object {
        /** By an interrupt of the thread, which stays interrupted. */
        val INTERRUPT = Cancellation { Thread.currentThread().isInterrupted }

        /** What is thrown, or told to a callback. */
        fun failure(cause: Throwable?) = FrzModuleException(Kind.CANCELLED, "loading was cancelled", cause)
    }
}
