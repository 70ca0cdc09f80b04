@file:JvmName("FrzCoroutines")

package io.frz.loading.ktx

import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzRuntime
import java.io.IOException
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.suspendCancellableCoroutine

/**
 * Loads a network without blocking the coroutine's thread.
 *
 * ```
 * lifecycleScope.launch {
 *     val module = FrzModule.loader(context, "model.ptl", "model.frz").await()
 *     …
 * }
 * ```
 *
 * The calling coroutine owns the returned network. If the coroutine is cancelled first, loading ends as described for
 * [io.frz.loading.FrzLoading.cancel], everything loaded so far is freed, and a [CancellationException] is thrown, which
 * is not an [IOException]. All other failures throw the [IOException]s that [FrzLoader] describes, even if an executor
 * rejects or interrupts loading: a coroutine that is not cancelled must not end silently. Loading runs on
 * [FrzLoadOptions.background], and progress is reported on [FrzLoadOptions.callbacks].
 */
@Throws(IOException::class, CancellationException::class)
public suspend fun <N : Any> FrzLoader<N>.await(options: FrzLoadOptions = FrzLoadOptions.DEFAULT): N =
    suspendCancellableCoroutine { continuation ->
        val direct = options.newBuilder().callbacks(Runnable::run)
        options.progress?.let { listener ->
            direct.progress { done, total ->
                options.callbacks.execute { if (continuation.isActive) listener.onProgress(done, total) }
            }
        }
        val loading = loadAsync(Resuming(continuation, runtime), direct.build())
        continuation.invokeOnCancellation { loading.cancel() }
    }

/**
 * Resumes the coroutine of [continuation] with the network, or frees the network if the coroutine has been cancelled.
 */
internal class Resuming<N : Any>(
    private val continuation: CancellableContinuation<N>,
    private val runtime: FrzRuntime<N>
) : FrzCallback<N> {
    /** Memory that resuming can use if memory has run out, because a coroutine that is not resumed waits forever. */
    private var reserve: ByteArray? = ByteArray(RESERVE)

    @OptIn(ExperimentalCoroutinesApi::class)
    override fun onLoaded(network: N) {
        reserve = null
        continuation.resume(network) { runtime.free(network) }
    }

    /** Fails the coroutine; has no effect if it has been cancelled. */
    override fun onFailed(cause: IOException) {
        reserve = null
        continuation.resumeWithException(cause)
    }

    private companion object {
        const val RESERVE = 1 shl 14
    }
}
