package io.frz.demo.work

import io.frz.demo.R
import java.io.IOException

/** A failure of a job, in words for the user. */
internal class Failure(val text: Message, cause: Throwable) : Exception(cause) {
    private companion object {
        const val serialVersionUID = 1L
    }
}

/** Runs [work]; if it fails, throws a [Failure] with the string resource [failed], whose argument is the reason. */
@Suppress("TooGenericExceptionCaught") // The interpreter's native code throws nothing more specific.
internal inline fun <T> stage(failed: Int, work: () -> T): T = try {
    work()
} catch (e: IOException) {
    throw failure(failed, e)
} catch (e: RuntimeException) {
    throw failure(failed, e)
} catch (e: LinkageError) {
    throw failure(failed, e) // A native library is missing.
}

internal fun failure(failed: Int, cause: Throwable): Failure =
    Failure(Message(failed, (cause.message ?: "$cause").substringBefore('\n')), cause)

/** Runs [work] and returns null, or returns what went wrong. */
internal inline fun attempt(work: () -> Unit): Message? = try {
    work()
    null
} catch (e: Failure) {
    e.text
} catch (_: OutOfMemoryError) {
    Message(R.string.failed_memory)
}
