package io.frz

import java.util.concurrent.Executor

/**
 * Options for opening a file. Instances are immutable; any number of files and threads can share one.
 *
 * @property memoryBudget the maximum number of bytes that one request may use for its result and working memory
 *   together; opening a file is also a request, but its list of tensors can always use 1 MiB
 * @property threads the maximum number of threads that rebuild a tensor together
 * @property helpers the executor that provides additional threads, or null for the pool that all files share
 * @property tier the tier to decode, or null for the highest in the file
 */
public class FrzOptions private constructor(private val settings: Settings) {
    public val memoryBudget: Long get() = settings.memoryBudget
    public val threads: Int get() = settings.threads
    public val helpers: Executor? get() = settings.helpers
    public val tier: Int? get() = settings.tier

    /** Returns a builder that starts from these options. */
    public fun newBuilder(): Builder = Builder().also { it.settings = settings }

    internal data class Settings(
        val memoryBudget: Long = Runtime.getRuntime().maxMemory(),
        val threads: Int = 1,
        val helpers: Executor? = null,
        val tier: Int? = null
    )

    /** Builds options; every setter returns the builder. */
    public class Builder {
        internal var settings = Settings()

        /**
         * Limits the memory of each request to [bytes] bytes. A request that needs more fails with [ErrorCode.BUDGET]
         * before anything is allocated. Opening a file also counts as a request. By default, the limit is the maximum
         * heap size of the virtual machine.
         */
        public fun memoryBudget(bytes: Long): Builder = apply {
            require(bytes >= 0) { "the memory budget must not be negative: $bytes" }
            settings = settings.copy(memoryBudget = bytes)
        }

        /**
         * Rebuilds large tensors on up to [count] threads, including the caller's thread. The number of threads does
         * not affect the weights.
         */
        public fun threads(count: Int): Builder = apply {
            require(count in 1..MAX_THREADS) { "threads must be from 1 to $MAX_THREADS, not $count" }
            settings = settings.copy(threads = count)
        }

        /**
         * Uses the threads of [executor] in addition to the caller's thread. By default, all files share a pool of
         * daemon threads, which end when idle. If the executor is busy, rejects tasks or never runs them, rebuilding is
         * slower but still correct.
         */
        public fun helpers(executor: Executor?): Builder = apply { settings = settings.copy(helpers = executor) }

        /** Decodes tier [index], where 0 is the smallest, and reads nothing beyond it. */
        public fun tier(index: Int): Builder = apply {
            require(index >= 0) { "the tier must not be negative: $index" }
            settings = settings.copy(tier = index)
        }

        /** Returns the options. */
        public fun build(): FrzOptions = FrzOptions(settings)
    }

    /** Creates options. */
    public companion object {
        private const val MAX_THREADS = 256

        /** One thread, the highest tier, and the maximum heap size as the memory budget. */
        @JvmField
        public val DEFAULT: FrzOptions = Builder().build()

        /** Returns a builder that starts from [DEFAULT]. */
        @JvmStatic
        public fun builder(): Builder = Builder()
    }
}
