package io.frz.pytorch.ktx

import android.content.Context
import io.frz.pytorch.FrzCallback
import io.frz.pytorch.FrzLoading
import io.frz.pytorch.FrzModule
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind
import io.frz.pytorch.FrzModuleOptions
import io.frz.pytorch.FrzPart
import java.io.File
import java.io.IOException
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.suspendCancellableCoroutine
import org.pytorch.Module

/**
 * [FrzModule] for coroutines.
 *
 * ```
 * lifecycleScope.launch {
 *     val module = FrzCoroutines.load(context, "model.ptl", "model.frz")
 *     …
 * }
 * ```
 *
 * A module belongs to the coroutine that gets it. If that is cancelled first, loading ends within milliseconds,
 * whatever has been loaded is destroyed, and [CancellationException] is thrown, which is not an [IOException]. Every
 * other failure is the [IOException] that [FrzModule] throws. Loading runs on [FrzModuleOptions.background], progress
 * is reported on [FrzModuleOptions.callbacks]; the coroutine's own thread is never blocked.
 */
public object FrzCoroutines {
    /** Loads the assets [skeleton] and [weights] of an app. */
    @Throws(IOException::class, CancellationException::class)
    public suspend fun load(
        context: Context,
        skeleton: String,
        weights: String,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): Module = loaded(options) { direct, callback ->
        FrzModule.loadAsync(context, skeleton, weights, callback, direct)
    }

    /**
     * Loads two parts from any source; a skeleton that is not a file is copied to the folder [cache]. Streams are
     * closed however loading ends.
     */
    @Throws(IOException::class, CancellationException::class)
    public suspend fun load(
        skeleton: FrzPart,
        weights: FrzPart,
        cache: File,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): Module = loaded(options) { direct, callback ->
        FrzModule.loadAsync(skeleton, weights, cache, callback, direct)
    }

    private suspend fun loaded(
        options: FrzModuleOptions,
        start: (FrzModuleOptions, FrzCallback) -> FrzLoading
    ): Module = suspendCancellableCoroutine { continuation ->
        val direct = options.newBuilder().callbacks(Runnable::run)
        options.progress?.let { listener ->
            direct.progress { done, total ->
                options.callbacks.execute { if (continuation.isActive) listener.onProgress(done, total) }
            }
        }
        val loading = start(direct.build(), Resuming(continuation))
        continuation.invokeOnCancellation { loading.cancel() }
    }

    /** Passes a module to the coroutine of [continuation], or destroys the module if it comes too late. */
    internal class Resuming(private val continuation: CancellableContinuation<Module>) : FrzCallback {
        @OptIn(ExperimentalCoroutinesApi::class)
        override fun onLoaded(module: Module) = continuation.resume(module) { module.destroy() }

        override fun onFailed(cause: IOException) {
            if (cause is FrzModuleException && cause.kind == Kind.CANCELLED) {
                continuation.cancel(CancellationException(cause.message, cause))
            } else {
                continuation.resumeWithException(cause)
            }
        }
    }
}
