package io.frz.pytorch

import java.io.IOException
import org.pytorch.Module

/**
 * Is told how asynchronous loading ended, by exactly one call, on [FrzModuleOptions.callbacks]; if that executor takes
 * no more tasks, [onFailed] is called on the thread that found out.
 */
public interface FrzCallback {
    /** The module is ready and now belongs to the callee. */
    public fun onLoaded(module: Module)

    /**
     * There is no module: [cause] is an [io.frz.FrzException] if the weights are damaged, and a [FrzModuleException]
     * for all other causes, among them [FrzModuleException.Kind.CANCELLED].
     */
    public fun onFailed(cause: IOException)
}
