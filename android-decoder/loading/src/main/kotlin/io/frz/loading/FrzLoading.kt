package io.frz.loading

/**
 * A load in progress.
 *
 * [FrzCallback.onLoaded] transfers ownership of the network to the callback. If loading is cancelled or fails first, or
 * the callback executor rejects tasks, the network is freed and [FrzCallback.onFailed] is called instead.
 */
public abstract class FrzLoading internal constructor() {
    /** Whether loading was cancelled before the network was delivered. */
    public abstract val isCancelled: Boolean

    /** Whether loading has ended: the network was delivered, or the failure has been or will be reported. */
    public abstract val isDone: Boolean

    /**
     * Cancels loading. The callback receives [FrzLoadException.Kind.CANCELLED] immediately. A thread that is loading
     * stops within milliseconds or, if it is executing the runtime's native code, when that code returns.
     *
     * @return true if this call cancelled loading, in which case [FrzCallback.onLoaded] is never called; false if
     *   loading had already ended
     */
    public abstract fun cancel(): Boolean
}
