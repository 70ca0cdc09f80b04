package io.frz.pytorch

import io.frz.FrzOptions
import io.frz.pytorch.internal.MainThread
import java.io.File
import java.util.concurrent.Executor

/**
 * How to load a module. Immutable: one instance may serve any number of modules and threads.
 *
 * @property threads the number of threads that may rebuild a tensor together
 * @property helpers the source of threads besides the loading one, or null for those that all loads share
 * @property memoryBudget the bytes that loading may take, for the weights and what rebuilds them together, or null
 * @property scratch the folder in which a file serves as memory while tensors are rebuilt, or null
 * @property tier the capacity level to load, or null for the highest that the file holds
 * @property verify whether all weights are decoded once before the first is handed over
 * @property progress the listener to the progress of loading, or null
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

        /**
         * Rebuilds large tensors with [count] threads, including the loading one. The weights do not depend on this
         * number.
         */
        public fun threads(count: Int): Builder = apply {
            FrzOptions.builder().threads(count)
            threads = count
        }

        /**
         * Takes the threads besides the loading one from [executor]. The default is a set of threads that all loads
         * share.
         */
        public fun helpers(executor: Executor?): Builder = apply { helpers = executor }

        /**
         * Refuses weights that take more than [bytes], together with what rebuilds them, before any of it is allocated;
         * the error is [io.frz.ErrorCode.BUDGET]. The default is all the memory that the virtual machine may take.
         */
        public fun memoryBudget(bytes: Long): Builder = apply {
            FrzOptions.builder().memoryBudget(bytes)
            memoryBudget = bytes
        }

        /**
         * Rebuilds tensors in a file of [folder] that is mapped into memory, for models whose tensors are nearly as
         * large as the memory that an app may take. By default, tensors are rebuilt in a direct buffer, which Android
         * counts against the app's heap limit. Others never see the file, and it is gone once loading has ended.
         */
        public fun scratch(folder: File?): Builder = apply { scratch = folder }

        /** Loads the model of capacity level [index], 0 being the smallest, and reads nothing beyond it. */
        public fun tier(index: Int): Builder = apply {
            FrzOptions.builder().tier(index)
            tier = index
        }

        /**
         * Whether to decode all weights once before the first is handed over, which decodes everything twice but finds
         * damage at the end of a large file early. Damaged weights are never handed over either way.
         */
        public fun verify(first: Boolean): Builder = apply { verify = first }

        /** Reports the progress of loading to [listener]. */
        public fun progress(listener: FrzProgress?): Builder = apply { progress = listener }

        /** Loads asynchronously on [executor]. By default, each load runs on a new daemon thread. */
        public fun background(executor: Executor): Builder = apply { background = executor }

        /**
         * Runs the callbacks of asynchronous loading, including progress, on [executor]. The default is the app's main
         * thread or, if there is none, the thread that loads.
         */
        public fun callbacks(executor: Executor): Builder = apply { callbacks = executor }

        /** The options collected so far. */
        public fun build(): FrzModuleOptions = FrzModuleOptions(this)
    }

    public companion object {
        /** One thread, the highest tier, and as much memory as the virtual machine may take. */
        @JvmField
        public val DEFAULT: FrzModuleOptions = Builder().build()

        /** A builder that starts from [DEFAULT]. */
        @JvmStatic
        public fun builder(): Builder = Builder()
    }
}
