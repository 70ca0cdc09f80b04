package io.frz.pytorch

/** Receives the progress of loading. */
public fun interface FrzProgress {
    /**
     * Called when [done] of [total] bytes of weights have been handed over.
     *
     * The call is made on the thread that loads or, if loading is asynchronous, on [FrzModuleOptions.callbacks].
     */
    public fun onProgress(done: Long, total: Long)
}
