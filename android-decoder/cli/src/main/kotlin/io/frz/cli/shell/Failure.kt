package io.frz.cli.shell

import java.io.File
import java.io.FileNotFoundException
import java.io.IOException

/** A failure that is reported to the user in one line. */
public class Failure(message: String, cause: Throwable? = null) : Exception(message, cause)

/** Runs [work], which uses [file]. Error messages start with the name of the file. */
public inline fun <T> on(file: File, work: () -> T): T = try {
    work()
} catch (e: FileNotFoundException) {
    throw Failure("$file: ${if (file.exists()) "it cannot be opened; check its permissions" else "no such file"}", e)
} catch (e: IOException) {
    throw Failure("$file: ${e.message ?: e.javaClass.simpleName}", e)
}
