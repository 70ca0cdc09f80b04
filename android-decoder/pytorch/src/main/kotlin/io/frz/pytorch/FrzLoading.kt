package io.frz.pytorch

import io.frz.pytorch.FrzModuleException.Kind
import io.frz.pytorch.internal.Cancellation
import io.frz.pytorch.internal.Loader
import java.io.IOException
import java.util.concurrent.Callable
import java.util.concurrent.CancellationException
import java.util.concurrent.ExecutionException
import java.util.concurrent.Future
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit
import org.pytorch.Module

/**
 * A module that is being loaded: a [Future] of it.
 *
 * [cancel] makes loading end at the next tensor; a module that was complete by then is destroyed, and the callback gets
 * [FrzModuleException.Kind.CANCELLED]. [get] throws what the callback gets, wrapped in an [ExecutionException].
 */
public class FrzLoading private constructor(
    private val callback: FrzCallback,
    private val options: FrzModuleOptions,
    load: (Loader) -> Module
) : Future<Module> {
    private val loading = Callable { load(Loader(onCallbacks(), Cancellation(::isCancelled))) }

    private val task = object : FutureTask<Module>(loading) {
        override fun set(module: Module) {
            super.set(module)
            if (isCancelled) module.destroy()
        }

        override fun done() = this@FrzLoading.done()
    }

    /** Makes loading end at the next tensor; false if it has ended. */
    public fun cancel(): Boolean = cancel(true)

    override fun cancel(mayInterruptIfRunning: Boolean): Boolean = task.cancel(mayInterruptIfRunning)

    override fun isCancelled(): Boolean = task.isCancelled

    override fun isDone(): Boolean = task.isDone

    @Throws(InterruptedException::class, ExecutionException::class)
    override fun get(): Module = task.get()

    @Throws(InterruptedException::class, ExecutionException::class, java.util.concurrent.TimeoutException::class)
    override fun get(timeout: Long, unit: TimeUnit): Module = task.get(timeout, unit)

    private fun onCallbacks(): FrzModuleOptions {
        val listener = options.progress ?: return options
        return options.newBuilder().progress { done, total ->
            options.callbacks.execute { if (!isCancelled) listener.onProgress(done, total) }
        }.build()
    }

    private fun done() {
        val failure: IOException? = try {
            task.get()
            null
        } catch (e: CancellationException) {
            Cancellation.failure(e)
        } catch (e: ExecutionException) {
            e.cause as? IOException ?: FrzModuleException(Kind.RUNTIME_FAILED, "loading failed: ${e.cause}", e.cause)
        }
        options.callbacks.execute {
            if (failure == null) callback.onLoaded(task.get()) else callback.onFailed(failure)
        }
    }

    internal companion object {
        fun start(callback: FrzCallback, options: FrzModuleOptions, load: (Loader) -> Module): FrzLoading =
            FrzLoading(callback, options, load).also { options.background.execute(it.task) }
    }
}
