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
 * Loads modules as [FrzModule] does, for coroutines.
 *
 * ```
 * lifecycleScope.launch {
 *     val module = FrzCoroutines.load(context, "model.ptl", "model.frz")
 *     …
 * }
 * ```
 *
 * The calling coroutine owns the module. If it is cancelled first, loading ends within milliseconds, whatever has been
 * loaded is destroyed, and [CancellationException] is thrown, which is not an [IOException]. All other failures are the
 * [IOException]s of [FrzModule]. Loading runs on [FrzModuleOptions.background] and progress is reported on
 * [FrzModuleOptions.callbacks]; the coroutine's own thread is never blocked.
 */
public object FrzCoroutines {
    /** Loads a module from the app assets [skeleton] and [weights]. */
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
     * Loads a module from two parts, each from any source. A skeleton that is not a file is copied to the folder
     * [cache]. Streams are closed when loading ends, successfully or not.
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

    /** Resumes the coroutine of [continuation] with the module; if it arrives too late, the module is destroyed. */
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
