package io.frz

import java.util.concurrent.Executor

/**
 * How to open a file. Immutable: one instance may serve any number of files and threads.
 *
 * @property memoryBudget the bytes that one request may take, for its result and its working memory together; opening a
 *   file is such a request, for which 1 MiB for the list of its tensors is always allowed
 * @property threads the number of threads that may rebuild a tensor together
 * @property helpers the source of threads besides the caller's, or null for those that all files share
 * @property tier the capacity level to decode, or null for the highest that the file holds
 */
public class FrzOptions private constructor(builder: Builder) {
    public val memoryBudget: Long = builder.memoryBudget
    public val threads: Int = builder.threads
    public val helpers: Executor? = builder.helpers
    public val tier: Int? = builder.tier

    /** A builder that starts from these options. */
    public fun newBuilder(): Builder = Builder().also {
        it.memoryBudget = memoryBudget
        it.threads = threads
        it.helpers = helpers
        it.tier = tier
    }

    /** Collects options; every setter returns the builder itself. */
    public class Builder {
        internal var memoryBudget: Long = Runtime.getRuntime().maxMemory()
        internal var threads: Int = 1
        internal var helpers: Executor? = null
        internal var tier: Int? = null

        /**
         * Refuses requests that need more than [bytes] with [ErrorCode.BUDGET], before any of it is allocated; opening
         * a file is one, too. The default is all the memory that the virtual machine may take.
         */
        public fun memoryBudget(bytes: Long): Builder = apply {
            require(bytes >= 0) { "a memory budget is not negative: $bytes" }
            memoryBudget = bytes
        }

        /**
         * Rebuilds large tensors with [count] threads, including the caller's. The weights do not depend on this
         * number.
         */
        public fun threads(count: Int): Builder = apply {
            require(count in 1..MAX_THREADS) { "threads are 1 to $MAX_THREADS: $count" }
            threads = count
        }

        /**
         * Takes the threads besides the caller's from [executor], such as the app's own. The default is one set of
         * daemon threads that all files share and that end when idle. An executor that is busy, refuses a task, or
         * never runs it costs only speed.
         */
        public fun helpers(executor: Executor?): Builder = apply { helpers = executor }

        /** Decodes the model of capacity level [index], 0 being the smallest, and reads nothing beyond it. */
        public fun tier(index: Int): Builder = apply {
            require(index >= 0) { "a tier is not negative: $index" }
            tier = index
        }

        /** The options collected so far. */
        public fun build(): FrzOptions = FrzOptions(this)
    }

    public companion object {
        private const val MAX_THREADS = 256

        /** One thread, the highest tier, and as much memory as the virtual machine may take. */
        @JvmField
        public val DEFAULT: FrzOptions = Builder().build()

        /** A builder that starts from [DEFAULT]. */
        @JvmStatic
        public fun builder(): Builder = Builder()
    }
}
