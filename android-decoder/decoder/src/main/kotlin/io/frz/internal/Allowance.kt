package io.frz.internal

/**
 * What opening a file may take. Its parts are counted one by one, before they are allocated; together they stay within
 * [budget], or within [FREE], which is always allowed.
 */
internal class Allowance(private val budget: Budget) {
    private var taken = 0L

    /** Counts [bytes] more. */
    fun take(bytes: Long) {
        taken = saturatedSum(taken, bytes)
        if (taken > FREE) budget.require(taken, null)
    }

    companion object {
        /** What any file may take for the list of its tensors. */
        const val FREE = 1L shl 20
    }
}
