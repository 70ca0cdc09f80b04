package io.frz.internal.values

import io.frz.internal.Budget
import io.frz.internal.directory.Group

/** A cache of the values of groups, limited to [most] bytes. The least recently used groups are evicted first. */
internal class Remembered<T : Any>(val most: Long) {
    private class Entry<T>(val values: T, val bytes: Long)

    private val entries = LinkedHashMap<Group, Entry<T>>(FEW, LOAD, true)
    private var bytes = 0L

    @Synchronized
    operator fun get(group: Group): T? = entries[group]?.values

    /** Adds the [values] of [group], which take [size] bytes. */
    @Synchronized
    fun put(group: Group, values: T, size: Long) {
        val entry = Entry(values, size + TENSOR_BYTES * group.size)
        entries.put(group, entry)?.let { bytes -= it.bytes }
        bytes += entry.bytes
        val oldest = entries.entries.iterator()
        while (bytes > most && oldest.hasNext()) {
            bytes -= oldest.next().value.bytes
            oldest.remove()
        }
    }

    companion object {
        /** The maximum size of the cache of a file, in bytes. */
        private const val MOST_BYTES = 1L shl 24

        /** The cache uses at most the memory budget of a request divided by this number. */
        private const val SHARE = 4
        private const val TENSOR_BYTES = 64L
        private const val FEW = 16
        private const val LOAD = 0.75f

        /** Returns a cache for requests with this [budget]. */
        fun <T : Any> within(budget: Budget) = Remembered<T>(minOf(MOST_BYTES, budget.bytes / SHARE))
    }
}
