package io.frz.benchmark

import androidx.annotation.WorkerThread
import java.io.IOException

/**
 * A variant of a network that is loaded and run to measure its memory.
 *
 * @property network the name of the network
 * @property variant the name of the variant
 * @property runtime the name of the runtime
 * @property height the height of the input in pixels, or null for the network's first input
 */
public class Trial(
    public val network: String,
    public val variant: String,
    public val runtime: String,
    public val height: Int? = null
) {
    override fun toString(): String = "$network, $variant, on $runtime" + (height?.let { " at height $it" } ?: "")
}

/**
 * The memory that a trial took.
 *
 * @property native the growth of the process's peak resident memory while loading and running, in bytes, or null
 * @property heap the growth of the used Java heap, in bytes
 */
public class Footprint(public val native: Long?, public val heap: Long)

/**
 * Measures the memory that a trial takes, preferably in a separate process: in the suite's own process, a trial can
 * reuse memory that earlier tests left behind, so that it seems to need less.
 */
public fun interface Isolation {
    /**
     * Runs a trial.
     *
     * @throws IOException if the network cannot be loaded or run
     */
    @Throws(IOException::class)
    @WorkerThread
    public fun measure(trial: Trial): Footprint
}
