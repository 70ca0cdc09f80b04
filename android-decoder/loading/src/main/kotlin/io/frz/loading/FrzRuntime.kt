package io.frz.loading

import io.frz.FrzFile
import java.io.File
import java.io.IOException

/**
 * A runtime that runs skeletons. Implement it to load `.frz` files into another runtime with the same sources, options,
 * cancellation and errors as the runtimes of this project; apps use [FrzLoader].
 */
public interface FrzRuntime<N : Any> {
    /**
     * Starts [skeleton] and passes it [weights]. Called on the loading thread.
     *
     * An implementation checks that skeleton and weights belong together, calls [FrzLoad.admit] before it allocates
     * memory, and calls [FrzLoad.checkCancelled] between steps. If it throws, it leaves nothing behind.
     */
    @Throws(IOException::class)
    public fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): N

    /** Frees [network], which nobody received because loading was cancelled. */
    public fun free(network: N)
}

/**
 * An intact skeleton.
 *
 * @property bytes its content, whose checksum has been verified
 * @property file the file on disk that contains [bytes], or null if the skeleton comes from elsewhere
 */
public class FrzSkeleton internal constructor(public val bytes: ByteArray, public val file: File?)
