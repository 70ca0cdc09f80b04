package io.frz.internal

/**
 * The memory that opening a file may use. Each allocation is counted beforehand; the total stays within [budget] or
 * [FREE], whichever is larger. Opening ends when [request] is cancelled.
 */
internal class Allowance(private val budget: Budget, private val request: Request) {
    private var taken = 0L
    private var steps = 0

    /** Counts another [bytes] bytes. */
    fun take(bytes: Long) {
        taken = saturatedSum(taken, bytes)
        if (taken > FREE) budget.require(taken, null)
    }

    /** Throws if the request has been cancelled. */
    fun check(): Unit = request.check()

    /** Like [check], but for steps that are much cheaper than the check itself. */
    fun step() {
        if (steps++ % STEPS == 0) request.check()
    }

    companion object {
        /** The bytes that any file may use for its list of tensors. */
        const val FREE = 1L shl 20
        private const val STEPS = 4096
    }
}
