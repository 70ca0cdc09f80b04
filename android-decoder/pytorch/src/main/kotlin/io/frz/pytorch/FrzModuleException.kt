package io.frz.pytorch

import java.io.IOException

/**
 * A module that cannot be loaded. Damaged weights are no such case: for them the decoder's [io.frz.FrzException] is
 * thrown as it is. Both are [IOException]s.
 *
 * The [message] is one line that says what is wrong and what to do; [kind] says the same to programs.
 */
public class FrzModuleException @JvmOverloads constructor(
    public val kind: Kind,
    problem: String,
    cause: Throwable? = null
) : IOException("$kind: $problem", cause) {
    /** What is wrong. */
    public enum class Kind {
        /** A part is not there or cannot be read. */
        UNREADABLE,

        /** The skeleton is cut short or altered, or is no skeleton at all. It was not handed to native code. */
        SKELETON_DAMAGED,

        /** The skeleton is whole, but the runtime cannot run it, or it does not take weights. */
        SKELETON_UNSUPPORTED,

        /** Skeleton and weights are not those of the same network. */
        MISMATCH,

        /** The skeleton cannot be copied to the cache: there is no room, or no permission. */
        CACHE,

        /** Loading was cancelled. */
        CANCELLED,

        /** The classes or native libraries of PyTorch Mobile are not in the app, or not for this processor. */
        RUNTIME_MISSING,

        /** The runtime failed for a reason of its own, such as a lack of memory. */
        RUNTIME_FAILED
    }

    private companion object {
        const val serialVersionUID = 1L
    }
}
