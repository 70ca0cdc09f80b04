package io.frz.loading

/** Listens to the progress of loading. */
public fun interface FrzProgress {
    /**
     * Called when [done] of [total] bytes of weights are ready for the network.
     *
     * Called on the loading thread or, if loading is asynchronous, on [FrzLoadOptions.callbacks].
     */
    public fun onProgress(done: Long, total: Long)
}
