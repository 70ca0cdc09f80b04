package io.frz.loading

import java.io.IOException

/**
 * Thrown when a network cannot be loaded for a reason other than its weights. If the weights cannot be decoded, for
 * example because they are damaged or exceed the memory budget, an [io.frz.FrzException] is thrown instead. Both are
 * [IOException]s.
 *
 * The [message] is one line that says what is wrong and what to do; [kind] identifies the failure for programs.
 */
public class FrzLoadException @JvmOverloads constructor(
    public val kind: Kind,
    private val problem: String,
    cause: Throwable? = null
) : IOException("$kind: $problem", cause) {
    /** Returns this exception with the name [label] of a skeleton or of weights, if its kind is one of [kinds]. */
    internal fun about(label: String, kinds: Set<Kind>): FrzLoadException {
        if (kind !in kinds) return this
        val named = FrzLoadException(kind, "$label: $problem", cause)
        named.stackTrace = stackTrace
        suppressed.forEach(named::addSuppressed)
        return named
    }

    /** The kind of failure. The kinds are the same for every runtime. */
    public enum class Kind {
        /** The skeleton, the weights or their base are missing or cannot be read. */
        UNREADABLE,

        /** The skeleton is truncated or altered, or the file is not a skeleton. It was not passed to native code. */
        SKELETON_DAMAGED,

        /** The skeleton is intact, but it does not accept weights, or the runtime cannot run it. */
        SKELETON_UNSUPPORTED,

        /** The skeleton and the weights belong to different networks. */
        MISMATCH,

        /** A file cannot be written to the cache or scratch folder, for lack of space or permission. */
        CACHE,

        /** Loading was cancelled or interrupted, or an executor rejected it. */
        CANCELLED,

        /** The app does not contain the runtime's classes, or its native libraries for this processor. */
        RUNTIME_MISSING,

        /** The runtime itself failed, for example because it ran out of memory. */
        RUNTIME_FAILED
    }

    internal companion object {
        private const val serialVersionUID = 1L

        /** The kinds of failures that concern one skeleton. */
        internal val ABOUT_SKELETON =
            setOf(Kind.SKELETON_DAMAGED, Kind.SKELETON_UNSUPPORTED, Kind.MISMATCH, Kind.RUNTIME_FAILED)

        /** The kinds of failures that concern weights, if they are loaded without a skeleton. */
        internal val ABOUT_WEIGHTS = setOf(Kind.MISMATCH)
    }
}
