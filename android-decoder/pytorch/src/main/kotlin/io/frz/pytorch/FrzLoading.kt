package io.frz.pytorch

import io.frz.pytorch.FrzModuleException.Kind
import io.frz.pytorch.internal.Cancellation
import io.frz.pytorch.internal.Loader
import java.io.IOException
import java.util.concurrent.RejectedExecutionException
import org.pytorch.Module

/**
 * Loading in progress.
 *
 * [FrzCallback.onLoaded] transfers ownership of the module to the callback. If loading is cancelled or fails before
 * that, or the callback executor rejects tasks, the module is destroyed and [FrzCallback.onFailed] is called instead.
 */
public class FrzLoading private constructor(
    private val callback: FrzCallback,
    private val options: FrzModuleOptions,
    private val parts: List<FrzPart>,
    private val load: (Loader) -> Module
) {
    private enum class State { QUEUED, LOADING, LOADED, DELIVERED, FAILED, CANCELLED }

    private val lock = Any()
    private var state = State.QUEUED
    private var thread: Thread? = null
    private var module: Module? = null

    /** Whether loading was cancelled before a module was delivered. */
    public val isCancelled: Boolean get() = synchronized(lock) { state == State.CANCELLED }

    /** Whether loading has ended: the module was delivered, or the callback has been or will be told of the failure. */
    public val isDone: Boolean get() = synchronized(lock) { state >= State.DELIVERED }

    /**
     * Cancels loading: at once if it is still queued, and within milliseconds if it is running. The callback receives
     * [FrzModuleException.Kind.CANCELLED].
     *
     * @return true if this call cancelled loading, in which case [FrzCallback.onLoaded] is never called; false if
     *   loading had already ended
     */
    public fun cancel(): Boolean = end(State.CANCELLED) { Cancellation.failure(null) }

    /** Ends loading unless it has ended already: frees what has been loaded so far and reports the [failure]. */
    private fun end(last: State, failure: () -> IOException): Boolean {
        val unused: Module?
        val wasQueued: Boolean
        synchronized(lock) {
            if (state >= State.DELIVERED) return false
            wasQueued = state == State.QUEUED
            state = last
            unused = module
            module = null
            thread?.interrupt()
        }
        unused?.destroy()
        if (wasQueued) FrzPart.close(parts)
        tell(failure())
        return true
    }

    private fun run() {
        synchronized(lock) {
            if (state != State.QUEUED) return
            state = State.LOADING
            thread = Thread.currentThread()
        }
        val result = try {
            load(Loader(onCallbacks(), Cancellation(::isCancelled)))
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            release()
            end(State.FAILED) { failureOf(e) }
            return
        }
        release()
        deliver(result)
    }

    /** Stops [cancel] from interrupting this thread from now on. */
    private fun release() = synchronized(lock) {
        thread = null
        if (state == State.CANCELLED) Thread.interrupted()
    }

    private fun deliver(result: Module) {
        val isWanted = synchronized(lock) {
            (state == State.LOADING).also {
                if (it) {
                    module = result
                    state = State.LOADED
                }
            }
        }
        if (!isWanted) return result.destroy()
        try {
            options.callbacks.execute { take()?.let(callback::onLoaded) }
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            // Either the executor rejects tasks, or it ran the callback directly and the callback itself failed.
            if (!end(State.FAILED) { refused(e) }) throw e
        }
    }

    /** Takes the module for the callback, unless loading has been cancelled meanwhile. */
    private fun take(): Module? = synchronized(lock) {
        val taken = module
        module = null
        if (taken != null) state = State.DELIVERED
        taken
    }

    private fun tell(failure: IOException) {
        var isTold = false
        val call = {
            isTold = true
            callback.onFailed(failure)
        }
        try {
            options.callbacks.execute(call)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            if (isTold) throw e
            call()
        }
    }

    private fun onCallbacks(): FrzModuleOptions {
        val listener = options.progress ?: return options
        return options.newBuilder().progress { done, total ->
            options.callbacks.execute { if (!isCancelled) listener.onProgress(done, total) }
        }.build()
    }

    internal companion object {
        /** Starts to [load] from [parts]. */
        fun start(
            callback: FrzCallback,
            options: FrzModuleOptions,
            parts: List<FrzPart>,
            load: (Loader) -> Module
        ): FrzLoading {
            val loading = FrzLoading(callback, options, parts, load)
            try {
                options.background.execute(loading::run)
            } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
                if (!loading.end(State.FAILED) { refused(e) }) throw e
            }
            return loading
        }

        private fun failureOf(thrown: Throwable): IOException = when (thrown) {
            is IOException -> thrown
            is RejectedExecutionException -> refused(thrown)
            else -> FrzModuleException(Kind.RUNTIME_FAILED, "loading failed: $thrown", thrown)
        }

        private fun refused(cause: Throwable) =
            FrzModuleException(Kind.CANCELLED, "loading was cancelled: an executor takes no more tasks", cause)
    }
}
