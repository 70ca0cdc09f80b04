package io.frz.loading

import androidx.annotation.WorkerThread
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.internal.Cancellation
import java.io.IOException

/**
 * A load in progress, as a [FrzRuntime] sees it.
 *
 * @property options the options of the load
 */
public class FrzLoad internal constructor(public val options: FrzLoadOptions, internal val cancellation: Cancellation) {
    /** What the listener has thrown to end the load, or null. */
    internal var ofListener: Throwable? = null
        private set

    /** Throws a [FrzLoadException] with [FrzLoadException.Kind.CANCELLED] if loading has been cancelled. */
    @Throws(FrzLoadException::class)
    public fun checkCancelled(): Unit = cancellation.check()

    /** Reports that [done] of [total] bytes of weights are ready. Throws what the listener throws. */
    public fun report(done: Long, total: Long) {
        try {
            options.progress?.onProgress(done, total)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            ofListener = e
            throw e
        }
    }

    /**
     * Runs [work], which loads a network. If the listener ends the load, throws what the listener has thrown, which
     * says nothing about the parts or the runtime.
     */
    internal inline fun <T> listening(work: () -> T): T = try {
        work()
    } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
        throw ofListener ?: e
    }

    /**
     * Throws an [io.frz.FrzException] if the weights and the memory to rebuild them exceed the budget. Verifies
     * [weights] if [FrzLoadOptions.verify] is set, and calls [checkCancelled].
     *
     * Returns the file from which to rebuild the weights. The decoder's working memory is limited to what [held] leaves
     * of the budget: a request that needs more fails with [ErrorCode.BUDGET] before it allocates anything.
     *
     * @param needed the peak memory of all buffers and the network's copies of the weights together, in bytes
     * @param largest the name of the tensor that needs the most memory, for the error message
     * @param held the part of [needed] that can be in use while weights are rebuilt
     */
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun admit(weights: FrzFile, needed: Long, largest: String?, held: Long = needed): FrzFile {
        val budget = options.memoryBudget
        if (budget != null && maxOf(needed, held) > budget) {
            throw FrzException(
                ErrorCode.BUDGET,
                "the weights and the memory to rebuild them take ${maxOf(needed, held)} bytes, " +
                    "but the memory budget is $budget; raise it",
                largest
            )
        }
        if (options.verify) weights.verify()
        checkCancelled()
        return if (budget == null) weights else weights.withMemoryBudget(budget - held)
    }

    /**
     * Returns memory in which to rebuild weights of [total] bytes. Close it when the runtime no longer reads the
     * weights.
     */
    public fun memory(total: Long): FrzMemory = FrzMemory(total, options.scratch, cancellation)

    /** Opens [weights], with the base that the options name, passes them to [use], and closes both. */
    internal inline fun <T> opened(weights: FrzPart, use: (FrzFile) -> T): T {
        val base = openBase()
        try {
            val file = accessing(weights, "the weights") { weights.open(options.decoding(), base) }
            try {
                return reading(weights, "the weights") {
                    try {
                        use(file)
                    } catch (e: OutOfMemoryError) {
                        val problem = "there is not enough memory to load the network"
                        throw FrzException(ErrorCode.BUDGET, problem, cause = e)
                    }
                }
            } finally {
                close(file)
            }
        } finally {
            close(base)
        }
    }

    /** Opens the base that the options name; returns null if they name none. */
    internal fun openBase(): FrzFile? = options.base?.let { base ->
        accessing(base, "the base") {
            try {
                base.open(options.decodingBase(), null)
            } catch (e: FrzException) {
                if (e.code == ErrorCode.BUDGET) throw e
                throw FrzException(ErrorCode.BASE, "the base cannot be used: ${e.message}", cause = e)
            }
        }
    }

    internal fun close(file: FrzFile?) {
        try {
            file?.close()
        } catch (_: IOException) {
            // Everything has been read, so the failure has no effect.
        }
    }

    /**
     * Runs [access], which uses the source [part] that the app has chosen; for example, a channel can be too short, or
     * not open for reading.
     */
    internal inline fun <T> accessing(part: FrzPart, what: String, access: () -> T): T = reading(part, what) {
        try {
            access()
        } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
            throw IOException(e.message ?: e.toString(), e)
        } catch (e: OutOfMemoryError) {
            throw FrzException(ErrorCode.BUDGET, "$what cannot be read: there is not enough memory", cause = e)
        }
    }

    /** Runs [read], which uses [part]. Reports a failure to read [what] as such, and names the part at fault. */
    internal inline fun <T> reading(part: FrzPart, what: String, read: () -> T): T = try {
        read()
    } catch (e: FrzException) {
        val isBase = e.code == ErrorCode.BASE && options.base != null
        throw (if (isBase) options.base else part)?.label?.let(e::inFile) ?: e
    } catch (e: FrzLoadException) {
        // An interrupt also ends writing to a folder.
        if (e.kind == FrzLoadException.Kind.CACHE && cancellation.isCancelled) throw Cancellation.failure(e)
        throw e
    } catch (e: IOException) {
        if (cancellation.isCancelled) throw Cancellation.failure(e)
        val reason = e.message ?: e.toString()
        val place = part.label?.takeIf { it !in reason }?.let { "$it: " }.orEmpty()
        throw FrzLoadException(FrzLoadException.Kind.UNREADABLE, "$place$what cannot be read: $reason", e)
    }

    /** Opens weights without a skeleton. */
    public companion object {
        /**
         * Opens [weights], passes them to [use], and closes them; for runtimes that can replace the weights of a loaded
         * network. Interrupting the thread cancels loading.
         */
        @JvmStatic
        @Throws(IOException::class)
        @WorkerThread
        public fun <T> withWeights(weights: FrzPart, options: FrzLoadOptions, use: (FrzFile, FrzLoad) -> T): T {
            val load = FrzLoad(options.claimed(), Cancellation.INTERRUPT)
            val own = weights.claim()
            return load.listening {
                try {
                    load.opened(own) { use(it, load) }
                } catch (e: FrzLoadException) {
                    throw own.label?.let { e.about(it, FrzLoadException.ABOUT_WEIGHTS) } ?: e
                } finally {
                    FrzPart.close(listOfNotNull(own, load.options.base))
                }
            }
        }
    }
}
