package io.frz.benchmark

/**
 * Options that determine how long the suite takes.
 *
 * @property loads the maximum number of loads of each network
 * @property rounds the minimum number of rounds; each round runs every variant of a network once
 * @property seconds the time after which no further load begins, and no round beyond the minimum number
 * @property sharedSeconds the duration of each part of the test with several applications
 * @property isShort whether only the networks of the short form are measured, without the memory test
 */
public class SuiteOptions internal constructor(
    internal val loads: Int,
    internal val rounds: Int,
    internal val seconds: Double,
    internal val sharedSeconds: Double,
    public val isShort: Boolean
) {
    /** The two forms of the suite. */
    public companion object {
        internal const val MOST_ROUNDS = 200

        /** All tests. */
        @JvmField
        public val FULL: SuiteOptions = SuiteOptions(3, 5, 6.0, 4.0, false)

        /** The small networks only, for continuous integration. */
        @JvmField
        public val SHORT: SuiteOptions = SuiteOptions(3, 5, 0.5, 1.0, true)
    }
}

/** Receives the progress of the suite, on the thread that runs it. */
public fun interface SuiteProgress {
    /**
     * Called before each step.
     *
     * @param done the number of completed steps
     * @param total the number of steps
     * @param step a description of the step that begins, for display
     */
    public fun onStep(done: Int, total: Int, step: String)
}
