package io.frz.pytorch

import java.io.IOException
import org.pytorch.Module

/**
 * Learns how asynchronous loading ended: exactly one method is called, on [FrzModuleOptions.callbacks]. If that
 * executor no longer accepts tasks, [onFailed] is called on the thread that noticed it.
 */
public interface FrzCallback {
    /** The module is ready and now belongs to the callee. */
    public fun onLoaded(module: Module)

    /**
     * Loading failed: [cause] is an [io.frz.FrzException] if the weights are damaged, and a [FrzModuleException] for
     * all other causes, among them [FrzModuleException.Kind.CANCELLED].
     */
    public fun onFailed(cause: IOException)
}
