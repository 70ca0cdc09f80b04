package io.frz.loading

import java.io.IOException

/**
 * Receives the result of asynchronous loading. Exactly one of the methods is called, exactly once, on
 * [FrzLoadOptions.callbacks]. If that executor rejects the call, [onFailed] is called on the thread that detects the
 * rejection.
 */
public interface FrzCallback<N : Any> {
    /** Called when [network] is ready; the callee now owns it. */
    public fun onLoaded(network: N)

    /**
     * Called when loading failed. [cause] is an [io.frz.FrzException] if the weights are damaged and otherwise a
     * [FrzLoadException], including [FrzLoadException.Kind.CANCELLED].
     */
    public fun onFailed(cause: IOException)
}
