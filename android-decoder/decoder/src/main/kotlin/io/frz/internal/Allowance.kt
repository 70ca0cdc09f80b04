package io.frz.internal

/**
 * The memory that opening a file may use. Each allocation is counted in advance; the total cannot exceed [budget] or
 * [FREE], whichever is larger. Opening fails when [request] is cancelled.
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

    /** Like [check], but checks only every few calls; for steps that are much cheaper than a check. */
    fun step() {
        if (steps++ % STEPS == 0) request.check()
    }

    companion object {
        /** The number of bytes that the list of tensors may use regardless of the budget. */
        const val FREE = 1L shl 20
        private const val STEPS = 4096
    }
}
