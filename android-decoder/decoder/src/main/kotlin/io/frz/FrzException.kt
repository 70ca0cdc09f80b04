package io.frz

import io.frz.internal.quote
import java.io.IOException

/**
 * Thrown when a file cannot be decoded or a request cannot be met. A bad file never causes any other exception.
 *
 * It is an [IOException], so code that handles read errors already handles it. The [message] is one line that says what
 * is wrong, where, and what to do; programs can read the same information from the properties.
 *
 * @property code what is wrong: an error code of the format's specification
 * @property tensor the name of the tensor concerned, or null
 * @property offset the byte offset in the file where the fault was found, or null
 * @property path the path of the file, or the name of the asset; null if it has none, or if the exception comes from
 *   [FrzFile], whose caller knows the file
 */
public class FrzException @JvmOverloads constructor(
    public val code: ErrorCode,
    private val problem: String,
    public val tensor: String? = null,
    public val offset: Long? = null,
    cause: Throwable? = null,
    public val path: String? = null
) : IOException(describe(code, problem, tensor, offset, path), cause) {
    /** Returns this exception with the name [path] of the file, if it has none. */
    public fun inFile(path: String): FrzException {
        if (this.path != null) return this
        val named = FrzException(code, problem, tensor, offset, cause, path)
        named.stackTrace = stackTrace
        suppressed.forEach(named::addSuppressed)
        return named
    }

    private companion object {
        const val serialVersionUID = 1L

        fun describe(code: ErrorCode, problem: String, tensor: String?, offset: Long?, path: String?): String {
            val place = listOfNotNull(tensor?.let { "tensor ${quote(it)}" }, offset?.let { "offset $it" })
            val where = if (place.isEmpty()) "" else place.joinToString(prefix = " (", postfix = ")")
            return "${path?.let { "$it: " }.orEmpty()}$code: $problem$where"
        }
    }
}
