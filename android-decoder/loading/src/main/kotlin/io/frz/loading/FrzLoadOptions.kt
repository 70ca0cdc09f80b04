package io.frz.loading

import io.frz.FrzOptions
import io.frz.loading.internal.MainThread
import java.io.File
import java.util.concurrent.Executor

/**
 * Options for loading a network. Instances are immutable; any number of loads and threads can share one.
 *
 * @property threads the maximum number of threads that rebuild a tensor together
 * @property helpers the executor that provides additional threads, or null for the pool that all loads share
 * @property memoryBudget the maximum number of bytes for the weights, the buffers in which they are rebuilt and the
 *   decoder's working memory together; if null, only the memory for each tensor is limited, to the maximum heap size
 * @property scratch the folder for the memory-mapped files in which tensors are rebuilt, or null for direct buffers
 * @property base the base of the weights, if they are a delta file, or null
 * @property tier the tier to load, or null for the highest in the file
 * @property verify whether to decode all weights once before the first is passed to the runtime
 * @property progress the listener to which progress is reported, or null
 * @property background the executor on which asynchronous loading runs
 * @property callbacks the executor on which the callbacks of asynchronous loading run
 */
public class FrzLoadOptions private constructor(private val settings: Settings) {
    public val threads: Int get() = settings.threads
    public val helpers: Executor? get() = settings.helpers
    public val memoryBudget: Long? get() = settings.memoryBudget
    public val scratch: File? get() = settings.scratch
    public val base: FrzPart? get() = settings.base
    public val tier: Int? get() = settings.tier
    public val verify: Boolean get() = settings.verify
    public val progress: FrzProgress? get() = settings.progress
    public val background: Executor get() = settings.background
    public val callbacks: Executor get() = settings.callbacks

    /** Returns a builder that starts from these options. */
    public fun newBuilder(): Builder = Builder().also { it.settings = settings }

    /** Returns these options for one load, which closes the base; see [FrzPart.claim]. */
    internal fun claimed(): FrzLoadOptions = newBuilder().base(base?.claim()).build()

    /** Returns the options for the decoder. */
    internal fun decoding(): FrzOptions {
        val builder = decodingBase().newBuilder()
        tier?.let { builder.tier(it) }
        return builder.build()
    }

    /** Returns the options for decoding the base, which has one tier. */
    internal fun decodingBase(): FrzOptions {
        val builder = FrzOptions.builder().threads(threads).helpers(helpers)
        memoryBudget?.let { builder.memoryBudget(it) }
        return builder.build()
    }

    internal data class Settings(
        val threads: Int = 1,
        val helpers: Executor? = null,
        val memoryBudget: Long? = null,
        val scratch: File? = null,
        val base: FrzPart? = null,
        val tier: Int? = null,
        val verify: Boolean = false,
        val progress: FrzProgress? = null,
        val background: Executor = Executor { Thread(it, "frz-load").apply { isDaemon = true }.start() },
        val callbacks: Executor = MainThread
    )

    /** Builds options; every setter returns the builder. */
    public class Builder {
        internal var settings = Settings()

        /**
         * Rebuilds large tensors on up to [count] threads, including the loading thread. The number of threads does not
         * affect the weights.
         */
        public fun threads(count: Int): Builder = apply {
            FrzOptions.builder().threads(count)
            settings = settings.copy(threads = count)
        }

        /**
         * Uses the threads of [executor] in addition to the loading thread. By default, all loads share a pool of
         * threads.
         */
        public fun helpers(executor: Executor?): Builder = apply { settings = settings.copy(helpers = executor) }

        /**
         * Limits the weights, the buffers in which they are rebuilt and the decoder's working memory to [bytes] bytes
         * in total. A load fails with [io.frz.ErrorCode.BUDGET] before it would exceed the limit. By default, only the
         * memory for each tensor is limited, to the maximum heap size.
         */
        public fun memoryBudget(bytes: Long): Builder = apply {
            FrzOptions.builder().memoryBudget(bytes)
            settings = settings.copy(memoryBudget = bytes)
        }

        /**
         * Rebuilds tensors in memory-mapped files in [folder]. Use this for models with tensors as large as the app's
         * heap. By default, tensors are rebuilt in direct buffers, which Android counts against the app's heap limit.
         * The files are deleted as soon as they have been mapped, so that other apps cannot see them and none are left
         * behind.
         */
        public fun scratch(folder: File?): Builder = apply { settings = settings.copy(scratch = folder) }

        /**
         * Sets the base of the weights, which a delta file needs: the older file to whose values the differences are
         * added. Other files do not use the base. Loading fails with [io.frz.ErrorCode.BASE] if the base cannot be
         * decoded, or is the wrong one for a delta file.
         */
        public fun base(part: FrzPart?): Builder = apply { settings = settings.copy(base = part) }

        /** Loads tier [index], where 0 is the smallest, and reads nothing beyond it. */
        public fun tier(index: Int): Builder = apply {
            FrzOptions.builder().tier(index)
            settings = settings.copy(tier = index)
        }

        /**
         * Sets whether to decode all weights once before the first is passed to the runtime. If so, all weights are
         * decoded twice, but damage at the end of a large file is detected early. In either case, damaged weights are
         * never passed to the runtime.
         */
        public fun verify(first: Boolean): Builder = apply { settings = settings.copy(verify = first) }

        /** Reports progress to [listener]. */
        public fun progress(listener: FrzProgress?): Builder = apply { settings = settings.copy(progress = listener) }

        /** Runs asynchronous loading on [executor]. By default, each load uses a new daemon thread. */
        public fun background(executor: Executor): Builder = apply { settings = settings.copy(background = executor) }

        /**
         * Runs the callbacks of asynchronous loading, including progress, on [executor]. By default, they run on the
         * app's main thread or, in a process without one, on the loading thread.
         */
        public fun callbacks(executor: Executor): Builder = apply { settings = settings.copy(callbacks = executor) }

        /** Returns the options. */
        public fun build(): FrzLoadOptions = FrzLoadOptions(settings)
    }

    /** Provides the default options and creates builders. */
    public companion object {
        /** One thread, the highest tier, and no memory budget for the network as a whole. */
        @JvmField
        public val DEFAULT: FrzLoadOptions = Builder().build()

        /** Returns a builder that starts from [DEFAULT]. */
        @JvmStatic
        public fun builder(): Builder = Builder()
    }
}
