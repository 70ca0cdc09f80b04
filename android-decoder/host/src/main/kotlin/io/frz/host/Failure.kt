package io.frz.host

/** A failure that the user is told of in one line. */
internal class Failure(message: String, cause: Throwable? = null) : Exception(message, cause)
