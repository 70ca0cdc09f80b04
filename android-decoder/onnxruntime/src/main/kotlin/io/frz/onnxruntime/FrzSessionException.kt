package io.frz.onnxruntime

import java.io.IOException

/**
 * A session that cannot be made. For damaged weights the decoder's [io.frz.FrzException] is thrown as it is. Both are
 * [IOException]s.
 *
 * The [message] is one line that says what is wrong and what to do; [kind] says the same to programs.
 */
public class FrzSessionException @JvmOverloads constructor(
    public val kind: Kind,
    problem: String,
    cause: Throwable? = null
) : IOException("$kind: $problem", cause) {
    /** What is wrong; the same words as for other runtimes. */
    public enum class Kind {
        /** The skeleton is cut short or altered, or is no skeleton at all. It was not handed to native code. */
        SKELETON_DAMAGED,

        /** The skeleton is whole, but ONNX Runtime cannot run it, or no file can fit it. */
        SKELETON_UNSUPPORTED,

        /** Skeleton and weights are not those of the same network. */
        MISMATCH,

        /** Loading was cancelled by an interrupt of its thread, which stays interrupted. */
        CANCELLED,

        /** The native libraries of ONNX Runtime are not in the app, or not for this processor. */
        RUNTIME_MISSING,

        /** ONNX Runtime failed for a reason of its own, such as a lack of memory. */
        RUNTIME_FAILED
    }

    private companion object {
        const val serialVersionUID = 1L
    }
}
