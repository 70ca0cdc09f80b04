package io.frz

import java.util.concurrent.Executor

/**
 * How to open a file. Immutable: one instance may serve any number of files and threads.
 *
 * @property memoryBudget the bytes that one request may use for its result and working memory together; opening a
 *   file is a request, too, but its list of tensors may always take 1 MiB
 * @property threads how many threads may rebuild a tensor together
 * @property helpers the executor that supplies threads besides the caller's, or null for the threads that all files
 *   share
 * @property tier the tier to decode, or null for the highest in the file
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
         * Refuses requests that need more than [bytes] with [ErrorCode.BUDGET], before allocating anything. Opening a
         * file is a request, too. By default, the limit is the maximum heap size of the virtual machine.
         */
        public fun memoryBudget(bytes: Long): Builder = apply {
            require(bytes >= 0) { "a memory budget is not negative: $bytes" }
            memoryBudget = bytes
        }

        /** Rebuilds large tensors on [count] threads, including the caller's. The weights do not depend on it. */
        public fun threads(count: Int): Builder = apply {
            require(count in 1..MAX_THREADS) { "threads are 1 to $MAX_THREADS: $count" }
            threads = count
        }

        /**
         * Runs work on [executor], such as the app's own, besides the caller's thread. By default, all files share a
         * set of daemon threads that end when idle. If the executor is busy, rejects tasks or never runs them,
         * rebuilding is slower but still correct.
         */
        public fun helpers(executor: Executor?): Builder = apply { helpers = executor }

        /** Decodes tier [index], 0 being the smallest, and reads nothing beyond it. */
        public fun tier(index: Int): Builder = apply {
            require(index >= 0) { "a tier is not negative: $index" }
            tier = index
        }

        /** The options collected so far. */
        public fun build(): FrzOptions = FrzOptions(this)
    }

    /** Creates options. */
    public companion object {
        private const val MAX_THREADS = 256

        /** One thread, the highest tier, and a budget of the maximum heap size. */
        @JvmField
        public val DEFAULT: FrzOptions = Builder().build()

        /** A builder that starts from [DEFAULT]. */
        @JvmStatic
        public fun builder(): Builder = Builder()
    }
}
