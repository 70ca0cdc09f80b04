package io.frz.internal.values

import io.frz.internal.directory.Group

/** A cache of decoded groups, limited to [most] bytes. The least recently used groups are evicted first. */
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
        /** The maximum size of the cache of a file, in bytes. */
        const val MOST_BYTES = 1L shl 24

        /** The cache uses at most the memory budget of a request divided by this number. */
        const val SHARE = 4
        private const val CORE_BYTES = 64L
        private const val FEW = 16
        private const val LOAD = 0.75f
    }
}
