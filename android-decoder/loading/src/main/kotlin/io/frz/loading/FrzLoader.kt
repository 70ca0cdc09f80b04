package io.frz.loading

import androidx.annotation.WorkerThread
import io.frz.FrzSeal
import io.frz.loading.internal.Cancellation
import io.frz.loading.internal.Task
import java.io.IOException

/**
 * Loads a network from a skeleton and an `.frz` file: on the calling thread, in the background, or from a coroutine
 * (with `await` from `io.frz:frz-loading-ktx`).
 *
 * Loading fails only with an [IOException]: an [io.frz.FrzException] if the weights cannot be decoded, for example
 * because they are damaged or exceed the memory budget, and a [FrzLoadException] in all other cases. Both name the file
 * or asset at fault. The exceptions of the app's own [FrzProgress] are passed through. A failed load leaves nothing
 * behind. Loaders are thread-safe and can be used any number of times, unless the skeleton, the weights or the base are
 * read from a stream.
 *
 * @property runtime the runtime that runs the network
 */
public class FrzLoader<N : Any>(
    public val runtime: FrzRuntime<N>,
    private val skeleton: FrzPart,
    private val weights: FrzPart
) {
    /** Loads the network on this thread, which must not be the main thread. Interrupting the thread cancels loading. */
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(options: FrzLoadOptions = FrzLoadOptions.DEFAULT): N =
        claimed().load(FrzLoad(options.claimed(), Cancellation.INTERRUPT))

    /** Starts loading on [FrzLoadOptions.background] and reports the result to [callback]. */
    @JvmOverloads
    public fun loadAsync(callback: FrzCallback<N>, options: FrzLoadOptions = FrzLoadOptions.DEFAULT): FrzLoading {
        val own = claimed()
        val settings = options.claimed()
        return Task(runtime, callback, settings, own.parts(settings), own::load).also { it.start() }
    }

    /** Returns a loader for one load, which closes the parts; see [FrzPart.claim]. */
    private fun claimed() = FrzLoader(runtime, skeleton.claim(), weights.claim())

    private fun load(load: FrzLoad): N = load.listening {
        try {
            load.checkCancelled()
            val intact = load.accessing(skeleton, "the skeleton") { intact(load) }
            load.opened(weights) {
                load.checkCancelled()
                runtime.start(intact, it, load)
            }
        } catch (e: FrzLoadException) {
            throw skeleton.label?.let { e.about(it, FrzLoadException.ABOUT_SKELETON) } ?: e
        } finally {
            FrzPart.close(parts(load.options))
        }
    }

    private fun parts(options: FrzLoadOptions) = listOfNotNull(skeleton, weights, options.base)

    /** Returns the skeleton if it is intact. Runtimes do not validate their input, and altered bytes can crash them. */
    private fun intact(load: FrzLoad): FrzSkeleton {
        val bytes = skeleton.read(load::checkCancelled)
        val problem = FrzSeal.problem(bytes) ?: return FrzSkeleton(bytes)
        throw FrzLoadException(
            FrzLoadException.Kind.SKELETON_DAMAGED,
            "this is not an intact skeleton: $problem; export it again with `frformat export`, or copy it again"
        )
    }
}
