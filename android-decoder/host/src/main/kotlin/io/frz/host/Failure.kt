package io.frz.host

/** A failure that is reported to the user in one line. */
internal class Failure(message: String, cause: Throwable? = null) : Exception(message, cause)
