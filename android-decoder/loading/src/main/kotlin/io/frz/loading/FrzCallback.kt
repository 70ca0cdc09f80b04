package io.frz.loading

import java.io.IOException

/**
 * Receives the result of asynchronous loading. Exactly one of the methods is called, exactly once, on
 * [FrzLoadOptions.callbacks]. If that executor rejects the call, [onFailed] is called directly on the thread that
 * submitted it.
 */
public interface FrzCallback<N : Any> {
    /** Called when [network] is ready. The callback now owns the network and must free it. */
    public fun onLoaded(network: N)

    /**
     * Called when loading has failed. [cause] is an [io.frz.FrzException] if the weights cannot be decoded, and
     * otherwise a [FrzLoadException], whose kind is [FrzLoadException.Kind.CANCELLED] if loading was cancelled.
     */
    public fun onFailed(cause: IOException)
}
