package io.frz

import io.frz.internal.quote
import java.io.IOException

/**
 * Thrown when a file cannot be decoded or a request cannot be met. A bad file never causes any other exception.
 *
 * It is an [IOException], so code that handles read errors already handles it. The [message] is one line that says what
 * is wrong, where, and what to do; programs can read the same information from [code], [tensor] and [offset].
 *
 * @property code what is wrong: an error code of the format's specification
 * @property tensor the name of the tensor concerned, or null
 * @property offset the byte offset in the file where the fault was found, or null
 */
public class FrzException @JvmOverloads constructor(
    public val code: ErrorCode,
    problem: String,
    public val tensor: String? = null,
    public val offset: Long? = null,
    cause: Throwable? = null
) : IOException(describe(code, problem, tensor, offset), cause) {
    private companion object {
        const val serialVersionUID = 1L

        fun describe(code: ErrorCode, problem: String, tensor: String?, offset: Long?): String {
            val place = listOfNotNull(tensor?.let { "tensor ${quote(it)}" }, offset?.let { "offset $it" })
            return "$code: $problem" + if (place.isEmpty()) "" else place.joinToString(prefix = " (", postfix = ")")
        }
    }
}
