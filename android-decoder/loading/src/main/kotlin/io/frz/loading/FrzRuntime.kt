package io.frz.loading

import androidx.annotation.WorkerThread
import io.frz.FrzFile
import java.io.IOException

/**
 * A runtime that runs skeletons. Implement this interface to support another runtime with the same sources, options,
 * cancellation and errors as the runtimes of this project. Apps use [FrzLoader] instead.
 */
public interface FrzRuntime<N : Any> {
    /**
     * Loads [skeleton] into the runtime and passes it [weights]. Called on the loading thread.
     *
     * An implementation must check that the skeleton and the weights belong together, call [FrzLoad.admit] before it
     * allocates memory, and call [FrzLoad.checkCancelled] between steps. If it throws, it must leave nothing behind.
     */
    @Throws(IOException::class)
    @WorkerThread
    public fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): N

    /** Frees [network], which was not delivered because loading was cancelled or failed. */
    public fun free(network: N)
}

/**
 * An intact skeleton.
 *
 * @property bytes the content of the skeleton, whose checksum has been verified
 */
public class FrzSkeleton internal constructor(public val bytes: ByteArray)
