package io.frz.internal

/**
 * What opening a file may take. Its parts are counted one by one, before they are allocated; together they stay within
 * [budget], or within [FREE], which is always allowed. Time is the [request]'s.
 */
internal class Allowance(private val budget: Budget, private val request: Request) {
    private var taken = 0L
    private var steps = 0

    /** Counts [bytes] more. */
    fun take(bytes: Long) {
        taken = saturatedSum(taken, bytes)
        if (taken > FREE) budget.require(taken, null)
    }

    /** Throws if the request is to end. */
    fun check(): Unit = request.check()

    /** The same for steps that are much quicker than this. */
    fun step() {
        if (steps++ % STEPS == 0) request.check()
    }

    companion object {
        /** What any file may take for the list of its tensors. */
        const val FREE = 1L shl 20
        private const val STEPS = 4096
    }
}
