package io.frz.pytorch

import io.frz.FrzOptions
import io.frz.pytorch.internal.MainThread
import java.io.File
import java.util.concurrent.Executor

/**
 * How to load a module. Immutable: one instance may serve any number of modules and threads.
 *
 * @property threads the number of threads that may rebuild a tensor together
 * @property helpers the executor that supplies threads besides the loading one, or null for threads that all loads
 *   share
 * @property memoryBudget the bytes that loading may use for the weights and working memory together, or null
 * @property scratch the folder of a file that serves as memory while tensors are rebuilt, or null
 * @property tier the tier to load, or null for the highest in the file
 * @property verify whether to decode all weights once before the first is passed to the module
 * @property progress the listener for progress, or null
 * @property background the executor that runs asynchronous loading
 * @property callbacks the executor that runs the callbacks of asynchronous loading
 */
public class FrzModuleOptions private constructor(builder: Builder) {
    public val threads: Int = builder.threads
    public val helpers: Executor? = builder.helpers
    public val memoryBudget: Long? = builder.memoryBudget
    public val scratch: File? = builder.scratch
    public val tier: Int? = builder.tier
    public val verify: Boolean = builder.verify
    public val progress: FrzProgress? = builder.progress
    public val background: Executor = builder.background
    public val callbacks: Executor = builder.callbacks

    /** A builder that starts from these options. */
    public fun newBuilder(): Builder = Builder().also {
        it.threads = threads
        it.helpers = helpers
        it.memoryBudget = memoryBudget
        it.scratch = scratch
        it.tier = tier
        it.verify = verify
        it.progress = progress
        it.background = background
        it.callbacks = callbacks
    }

    /** The options that concern the decoder. */
    internal fun decoding(): FrzOptions {
        val builder = FrzOptions.builder().threads(threads).helpers(helpers)
        memoryBudget?.let { builder.memoryBudget(it) }
        tier?.let { builder.tier(it) }
        return builder.build()
    }

    /** Collects options; every setter returns the builder itself. */
    public class Builder {
        internal var threads: Int = 1
        internal var helpers: Executor? = null
        internal var memoryBudget: Long? = null
        internal var scratch: File? = null
        internal var tier: Int? = null
        internal var verify: Boolean = false
        internal var progress: FrzProgress? = null
        internal var background: Executor = Executor { Thread(it, "frz-load").apply { isDaemon = true }.start() }
        internal var callbacks: Executor = MainThread

        /** Rebuilds large tensors on [count] threads, including the loading one. The weights do not depend on it. */
        public fun threads(count: Int): Builder = apply {
            FrzOptions.builder().threads(count)
            threads = count
        }

        /** Runs work on [executor] besides the loading thread. By default, all loads share a set of threads. */
        public fun helpers(executor: Executor?): Builder = apply { helpers = executor }

        /**
         * Refuses weights that, together with their working memory, need more than [bytes], before allocating anything;
         * the error is [io.frz.ErrorCode.BUDGET]. By default, the limit is the maximum heap size.
         */
        public fun memoryBudget(bytes: Long): Builder = apply {
            FrzOptions.builder().memoryBudget(bytes)
            memoryBudget = bytes
        }

        /**
         * Rebuilds tensors in a memory-mapped file in [folder], for models with tensors as large as the app's heap. By
         * default they are rebuilt in a direct buffer, which Android counts against the app's heap limit. The file is
         * not visible to others and is gone when loading has ended.
         */
        public fun scratch(folder: File?): Builder = apply { scratch = folder }

        /** Loads tier [index], 0 being the smallest, and reads nothing beyond it. */
        public fun tier(index: Int): Builder = apply {
            FrzOptions.builder().tier(index)
            tier = index
        }

        /**
         * Whether to decode all weights once before the first is passed to the module. This decodes twice, but detects
         * damage at the end of a large file early. Damaged weights are never passed on either way.
         */
        public fun verify(first: Boolean): Builder = apply { verify = first }

        /** Reports progress to [listener]. */
        public fun progress(listener: FrzProgress?): Builder = apply { progress = listener }

        /** Runs asynchronous loading on [executor]. By default, each load has a new daemon thread. */
        public fun background(executor: Executor): Builder = apply { background = executor }

        /**
         * Runs the callbacks of asynchronous loading, including progress, on [executor]. By default, they run on the
         * app's main thread or, where there is none, on the loading thread.
         */
        public fun callbacks(executor: Executor): Builder = apply { callbacks = executor }

        /** The options collected so far. */
        public fun build(): FrzModuleOptions = FrzModuleOptions(this)
    }

    /** The default options and the builder of others. */
    public companion object {
        /** One thread, the highest tier, and a budget of the maximum heap size. */
        @JvmField
        public val DEFAULT: FrzModuleOptions = Builder().build()

        /** A builder that starts from [DEFAULT]. */
        @JvmStatic
        public fun builder(): Builder = Builder()
    }
}
