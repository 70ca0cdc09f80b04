package io.frz.internal.values

import io.frz.internal.directory.Group

/** Groups that have been decoded, up to [most] bytes; those that were wanted last stay. */
internal class Remembered(val most: Long) {
    private class Entry(val cores: Array<Core>, val bytes: Long)

    private val entries = LinkedHashMap<Group, Entry>(FEW, LOAD, true)
    private var bytes = 0L

    @Synchronized
    operator fun get(group: Group): Array<Core>? = entries[group]?.cores

    @Synchronized
    fun put(group: Group, cores: Array<Core>, size: Long) {
        val entry = Entry(cores, saturatedOverhead(size, cores.size))
        entries.put(group, entry)?.let { bytes -= it.bytes }
        bytes += entry.bytes
        val oldest = entries.entries.iterator()
        while (bytes > most && oldest.hasNext()) {
            bytes -= oldest.next().value.bytes
            oldest.remove()
        }
    }

    private fun saturatedOverhead(size: Long, cores: Int) = size + CORE_BYTES * cores

    companion object {
        /** The most that is remembered of any file. */
        const val MOST_BYTES = 1L shl 24

        /** No more is remembered than this part of a request's budget. */
        const val SHARE = 4
        private const val CORE_BYTES = 64L
        private const val FEW = 16
        private const val LOAD = 0.75f
    }
}
