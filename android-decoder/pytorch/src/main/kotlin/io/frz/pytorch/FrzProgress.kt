package io.frz.pytorch

/** Is told how far loading has come. */
public fun interface FrzProgress {
    /**
     * [done] of [total] bytes of weights have been handed over.
     *
     * Called on the thread that loads, or for what is loaded asynchronously on [FrzModuleOptions.callbacks].
     */
    public fun onProgress(done: Long, total: Long)
}
