package io.frz.pytorch

/** Listens to the progress of loading. */
public fun interface FrzProgress {
    /**
     * Called when [done] of [total] bytes of weights have been passed to the module.
     *
     * Runs on the loading thread, or on [FrzModuleOptions.callbacks] if loading is asynchronous.
     */
    public fun onProgress(done: Long, total: Long)
}
