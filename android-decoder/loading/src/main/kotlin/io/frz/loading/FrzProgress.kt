package io.frz.loading

/** Listens to the progress of loading. */
public fun interface FrzProgress {
    /**
     * Called when [done] of [total] bytes of weights are ready for the network.
     *
     * Called on the loading thread or, if loading is asynchronous, on [FrzLoadOptions.callbacks]. An exception that
     * reaches the loading thread ends loading: [FrzLoader.load] throws it, and asynchronous loading reports
     * [FrzLoadException.Kind.RUNTIME_FAILED].
     */
    public fun onProgress(done: Long, total: Long)
}
