package io.frz.loading.internal

import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind

/** Detects whether loading has been cancelled. */
internal class Cancellation(private val cancelled: () -> Boolean) {
    /** Whether loading has been cancelled. */
    val isCancelled: Boolean get() = cancelled()

    /** Throws if loading has been cancelled. */
    fun check() {
        if (isCancelled) throw failure(null)
    }

    companion object {
        /** Cancellation by interrupting the current thread, whose interrupt flag remains set. */
        val INTERRUPT = Cancellation { Thread.currentThread().isInterrupted }

        /** Returns the exception to throw or to pass to a callback. */
        fun failure(cause: Throwable?) = FrzLoadException(Kind.CANCELLED, "loading was cancelled", cause)
    }
}
