package io.frz.loading.internal

import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoading
import io.frz.loading.FrzPart
import io.frz.loading.FrzRuntime
import java.io.IOException
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicBoolean

/**
 * Runs [load] in the background and delivers the resulting network or, if loading has been cancelled, frees it.
 *
 * Everything that telling the callback requires is allocated in advance, because an app that is never told waits
 * forever, even if memory has run out.
 */
internal class Task<N : Any>(
    private val runtime: FrzRuntime<N>,
    private val callback: FrzCallback<N>,
    private val options: FrzLoadOptions,
    private val parts: List<FrzPart>,
    private val load: (FrzLoad) -> N
) : FrzLoading() {
    private enum class State { QUEUED, LOADING, LOADED, DELIVERED, FAILED, CANCELLED }

    private val lock = Any()
    private var state = State.QUEUED
    private var thread: Thread? = null
    private var network: N? = null

    private val own = FrzLoad(onCallbacks(), Cancellation { isCancelled || Thread.currentThread().isInterrupted })
    private val loading = Runnable { run() }
    private val delivery = Runnable { take()?.let { callback.onLoaded(it) } }
    private val report = Report(callback)
    private val cancelled = Cancellation.failure(null)
    private val unexplained =
        FrzLoadException(Kind.RUNTIME_FAILED, "loading failed, and there is not enough memory to say why")

    override val isCancelled: Boolean get() = synchronized(lock) { state == State.CANCELLED }

    override val isDone: Boolean get() = synchronized(lock) { state >= State.DELIVERED }

    override fun cancel(): Boolean = end(State.CANCELLED) { cancelled }

    /** Submits the task to the background executor. */
    fun start() {
        try {
            options.background.execute(loading)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            if (!end(State.FAILED) { refused(e) }) throw e
        }
    }

    /** Ends loading if it has not ended: frees what has been loaded and reports the [failure]. */
    private inline fun end(last: State, failure: () -> IOException): Boolean {
        val unused: N?
        val wasQueued: Boolean
        synchronized(lock) {
            if (state >= State.DELIVERED) return false
            wasQueued = state == State.QUEUED
            state = last
            unused = network
            network = null
            thread?.interrupt()
        }
        val reported = try {
            failure()
        } catch (_: Throwable) {
            unexplained
        }
        try {
            unused?.let { runtime.free(it) }
        } finally {
            try {
                if (wasQueued) FrzPart.close(parts)
            } finally {
                tell(reported)
            }
        }
        return true
    }

    private fun run() {
        synchronized(lock) {
            if (state != State.QUEUED) return
            state = State.LOADING
            thread = Thread.currentThread()
        }
        val result = try {
            load(own)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            release()
            end(State.FAILED) { failureOf(e) }
            return
        }
        release()
        deliver(result)
    }

    /** Prevents later calls to [cancel] from interrupting this thread. */
    private fun release() = synchronized(lock) {
        thread = null
        if (state == State.CANCELLED) Thread.interrupted()
    }

    private fun deliver(result: N) {
        val isWanted = synchronized(lock) {
            (state == State.LOADING).also {
                if (it) {
                    network = result
                    state = State.LOADED
                }
            }
        }
        if (!isWanted) return runtime.free(result)
        try {
            options.callbacks.execute(delivery)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            // Either the executor rejects tasks, or it ran the callback directly and the callback threw.
            if (!end(State.FAILED) { refused(e) }) throw e
        }
    }

    /**
     * Returns the network, which then belongs to the callback, or null if loading has been cancelled in the meantime.
     */
    private fun take(): N? = synchronized(lock) {
        val taken = network
        network = null
        if (taken != null) state = State.DELIVERED
        taken
    }

    private fun tell(failure: IOException) {
        report.failure = failure
        try {
            options.callbacks.execute(report)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            // An executor can accept a task and throw nevertheless.
            if (report.isTold.get()) throw e
            report.run()
        }
    }

    private fun onCallbacks(): FrzLoadOptions {
        val listener = options.progress ?: return options
        return options.newBuilder().progress { done, total ->
            options.callbacks.execute { if (!isCancelled) listener.onProgress(done, total) }
        }.build()
    }

    private fun failureOf(thrown: Throwable): IOException = when {
        thrown is RejectedExecutionException -> refused(thrown)
        thrown is IOException && thrown !== own.ofListener -> thrown
        else -> FrzLoadException(Kind.RUNTIME_FAILED, "loading failed: $thrown", thrown)
    }

    private fun refused(cause: Throwable) = if (cause is Error) {
        FrzLoadException(Kind.RUNTIME_FAILED, "loading failed: an executor threw $cause", cause)
    } else {
        FrzLoadException(Kind.CANCELLED, "loading was cancelled: an executor accepts no more tasks", cause)
    }

    /** Reports [failure] to [callback] once, however often an executor runs this. */
    private class Report(private val callback: FrzCallback<*>) : Runnable {
        val isTold = AtomicBoolean()

        @Volatile
        lateinit var failure: IOException

        override fun run() {
            if (isTold.compareAndSet(false, true)) callback.onFailed(failure)
        }
    }
}
