package io.frz.benchmark.internal

import io.frz.benchmark.BenchmarkException
import java.io.Closeable
import java.io.InterruptedIOException

/**
 * Runs [work], a part of a test; returns null or, if it failed, the reason in one line. An interrupt is not a failure
 * of the test: it ends the suite.
 */
@Suppress("TooGenericExceptionCaught") // Native code throws various subclasses of RuntimeException.
internal inline fun failure(work: () -> Unit): String? = try {
    work()
    null
} catch (e: InterruptedException) {
    throw e
} catch (e: InterruptedIOException) {
    throw e
} catch (e: Exception) {
    checkInterrupted() // An interrupted load fails, too.
    oneLine(e)
} catch (e: VirtualMachineError) {
    oneLine(e) // Memory has run out.
} catch (e: LinkageError) {
    oneLine(e) // A native library is missing.
}

/** Returns the result of [work]; if it fails, the exception says that [name] has failed. */
@Throws(BenchmarkException::class)
internal fun <T : Any> naming(name: String, work: () -> T): T {
    var result: T? = null
    failure { result = work() }?.let { throw BenchmarkException("$name: $it") }
    return result!!
}

/** Closes all of [networks], even if closing one of them fails; returns why one failed, or null. */
internal fun closeAll(networks: List<Closeable>): String? = networks.mapNotNull { each ->
    try {
        each.close()
        null
    } catch (@Suppress("TooGenericExceptionCaught") e: Exception) {
        oneLine(e) // Native code throws various subclasses of RuntimeException.
    }
}.firstOrNull()
