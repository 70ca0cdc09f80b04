package io.frz.loading

/** Listens to the progress of loading. */
public fun interface FrzProgress {
    /**
     * Called when [done] of [total] bytes of weights are ready for the network.
     *
     * Called on the loading thread or, if loading is asynchronous, on [FrzLoadOptions.callbacks]. An exception that
     * reaches the loading thread ends loading, whatever its class: [FrzLoader.load] throws it unchanged, and
     * asynchronous loading, also from a coroutine, reports [FrzLoadException.Kind.RUNTIME_FAILED] with it as the cause.
     */
    public fun onProgress(done: Long, total: Long)
}
