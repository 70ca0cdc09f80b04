package io.frz.pytorch

import java.io.IOException
import org.pytorch.Module

/**
 * Receives the result of asynchronous loading. Exactly one method is called, once, on [FrzModuleOptions.callbacks]; if
 * that executor rejects tasks, [onFailed] is called on the thread that notices.
 */
public interface FrzCallback {
    /** Called when [module] is ready; the callee now owns it. */
    public fun onLoaded(module: Module)

    /**
     * Called when loading failed. [cause] is an [io.frz.FrzException] if the weights are damaged and otherwise a
     * [FrzModuleException], including [FrzModuleException.Kind.CANCELLED].
     */
    public fun onFailed(cause: IOException)
}
