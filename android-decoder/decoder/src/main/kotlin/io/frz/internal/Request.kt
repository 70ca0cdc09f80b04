package io.frz.internal

import java.io.InterruptedIOException

/**
 * A caller's request, processed by the caller's thread and its helpers.
 *
 * @param file the file that the request reads
 */
internal class Request(private val file: Lifetime) {
    private val caller = Thread.currentThread()

    /** Whether the caller was interrupted while waiting for its helpers. */
    @Volatile
    var isInterrupted = false
        private set

    /** Values that several tensors of the request need; they are freed with the request. */
    var shared: Any? = null

    /** Whether the caller's own code is running. */
    var isOutside = false
        private set

    /**
     * Throws if the request must end because the file was closed or the caller was interrupted. Every thread that works
     * on the request calls this at least every few milliseconds.
     */
    fun check() {
        file.requireOpen()
        if (isInterrupted || caller.isInterrupted) throw InterruptedIOException("the thread was interrupted")
    }

    /** Records an interrupt whose flag the caller's thread has cleared. */
    fun interrupt() {
        isInterrupted = true
    }

    /** Runs the caller's own code, such as a visitor, and passes its exceptions through unchanged. */
    fun <T> outside(work: () -> T): T {
        isOutside = true
        return work().also { isOutside = false }
    }
}

/** Whether a file is open. */
internal open class Lifetime {
    @Volatile
    private var isOpen = true

    /** Closes the file and ends its requests. */
    fun end() {
        isOpen = false
    }

    open fun requireOpen() {
        check(isOpen) { CLOSED }
    }

    /**
     * Runs [work], a request for [tensor] or, if that is null, for several tensors. Fails with
     * [io.frz.ErrorCode.BUDGET] if memory runs out, with [InterruptedIOException] if the thread is interrupted, and
     * with [IllegalStateException] if anything fails after the file has been closed.
     */
    inline fun <T> request(tensor: String?, work: (Request) -> T): T {
        var request: Request? = null
        try {
            return work(Request(this).also { request = it }.also { it.check() }).also { requireOpen() }
        } catch (e: OutOfMemoryError) {
            throw if (request?.isOutside == true) e else Budget.exhausted(tensor, e)
        } catch (e: java.io.IOException) {
            if (request?.isOutside != true) requireOpen()
            throw e
        }
    }

    companion object {
        const val CLOSED = "closed"
    }
}
