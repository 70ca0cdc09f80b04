package io.frz.loading

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.internal.Cancellation
import java.io.IOException

/**
 * One load, as a [FrzRuntime] sees it.
 *
 * @property options the options of the load
 */
public class FrzLoad internal constructor(public val options: FrzLoadOptions, internal val cancellation: Cancellation) {
    /** Throws [FrzLoadException.Kind.CANCELLED] if loading has been cancelled. */
    @Throws(FrzLoadException::class)
    public fun checkCancelled(): Unit = cancellation.check()

    /** Reports that [done] of [total] bytes are ready. */
    public fun report(done: Long, total: Long) {
        options.progress?.onProgress(done, total)
    }

    /**
     * Refuses to load if the weights and the memory to rebuild them need more than the budget, and verifies [weights]
     * if the options ask for that.
     *
     * @param needed the bytes that the network's copies of the weights and all buffers take together at their peak
     * @param largest the name of the tensor that takes most of them, for the message
     */
    @Throws(IOException::class)
    public fun admit(weights: FrzFile, needed: Long, largest: String?) {
        val budget = options.memoryBudget
        if (budget != null && needed > budget) {
            throw FrzException(
                ErrorCode.BUDGET,
                "the weights and the memory to rebuild them take $needed bytes and may take $budget; allow more",
                largest
            )
        }
        if (options.verify) weights.verify()
        checkCancelled()
    }

    /** Memory in which to rebuild weights of [total] bytes; close it once the runtime no longer reads them. */
    public fun memory(total: Long): FrzMemory = FrzMemory(total, options.scratch, cancellation)

    /** Opens [part] for [use], and closes it. */
    internal inline fun <T> opened(part: FrzPart, use: (FrzFile) -> T): T = reading("the weights") {
        val file = part.open(options.decoding())
        try {
            use(file)
        } finally {
            try {
                file.close()
            } catch (_: IOException) {
                // Nothing more will be read from it.
            }
        }
    }

    internal inline fun <T> reading(what: String, read: () -> T): T = try {
        read()
    } catch (e: FrzException) {
        throw e
    } catch (e: FrzLoadException) {
        throw e
    } catch (e: IOException) {
        if (cancellation.isCancelled) throw Cancellation.failure(e)
        throw FrzLoadException(FrzLoadException.Kind.UNREADABLE, "$what cannot be read: ${e.message ?: e}", e)
    }

    /** Opens weights without a skeleton. */
    public companion object {
        /**
         * Opens [weights] for [use] and closes them. Interrupting the thread cancels. For runtimes that can replace the
         * weights of a loaded network.
         */
        @JvmStatic
        @Throws(IOException::class)
        public fun <T> withWeights(weights: FrzPart, options: FrzLoadOptions, use: (FrzFile, FrzLoad) -> T): T {
            val load = FrzLoad(options, Cancellation.INTERRUPT)
            try {
                return load.opened(weights) { use(it, load) }
            } finally {
                FrzPart.close(listOf(weights))
            }
        }
    }
}
