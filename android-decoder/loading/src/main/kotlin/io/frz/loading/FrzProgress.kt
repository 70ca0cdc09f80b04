package io.frz.loading

/** Listens to the progress of loading. */
public fun interface FrzProgress {
    /**
     * Called when [done] of [total] bytes of weights are ready for the network.
     *
     * Runs on the loading thread, or on [FrzLoadOptions.callbacks] if loading is asynchronous.
     */
    public fun onProgress(done: Long, total: Long)
}
