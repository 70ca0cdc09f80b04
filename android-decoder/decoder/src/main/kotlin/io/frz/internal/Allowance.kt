package io.frz.internal

/**
 * The memory that opening a file may take. Its parts are counted one by one, before they are allocated. Together they
 * stay within [budget], or within [FREE], which is always allowed. The [request] limits the time.
 */
internal class Allowance(private val budget: Budget, private val request: Request) {
    private var taken = 0L
    private var steps = 0

    /** Counts [bytes] more. */
    fun take(bytes: Long) {
        taken = saturatedSum(taken, bytes)
        if (taken > FREE) budget.require(taken, null)
    }

    /** Throws if the request has been cancelled. */
    fun check(): Unit = request.check()

    /** Does the same for steps that are much quicker than this check. */
    fun step() {
        if (steps++ % STEPS == 0) request.check()
    }

    companion object {
        /** What any file may take for the list of its tensors. */
        const val FREE = 1L shl 20
        private const val STEPS = 4096
    }
}
