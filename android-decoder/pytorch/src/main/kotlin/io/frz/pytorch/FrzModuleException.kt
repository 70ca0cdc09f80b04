package io.frz.pytorch

import java.io.IOException

/**
 * Thrown if a module cannot be loaded. Damaged weights are reported by the decoder's [io.frz.FrzException] instead.
 * Both are [IOException]s.
 *
 * The [message] is one line that says what is wrong and what to do; [kind] conveys the same to programs.
 */
public class FrzModuleException @JvmOverloads constructor(
    public val kind: Kind,
    problem: String,
    cause: Throwable? = null
) : IOException("$kind: $problem", cause) {
    /** What is wrong. */
    public enum class Kind {
        /** A part is missing or cannot be read. */
        UNREADABLE,

        /** The skeleton is truncated or altered, or is not a skeleton at all. It was not passed to native code. */
        SKELETON_DAMAGED,

        /** The skeleton is intact, but the runtime cannot run it, or it does not take weights. */
        SKELETON_UNSUPPORTED,

        /** The skeleton and the weights belong to different networks. */
        MISMATCH,

        /** The skeleton cannot be copied to the cache: there is no room, or no permission. */
        CACHE,

        /** Loading was cancelled. */
        CANCELLED,

        /** The app lacks the classes or native libraries of PyTorch Mobile, or has none for this processor. */
        RUNTIME_MISSING,

        /** The runtime failed for another reason, such as a lack of memory. */
        RUNTIME_FAILED
    }

    private companion object {
        const val serialVersionUID = 1L
    }
}
