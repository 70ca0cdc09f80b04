package io.frz.internal.directory

/** The factors of a file, numbered in the order of their groups. */
internal class Factors {
    private val groups = ArrayList<Group>()

    /** The number of factors. */
    var size = 0
        private set

    /** Adds the factors of [group]. */
    fun add(group: Group) {
        groups.add(group)
        size += group.size
    }

    /** Returns the group that contains factor [number], as its tensor `number - first`. */
    fun group(number: Int): Group {
        val at = groups.binarySearchBy(number) { it.first }
        return groups[if (at >= 0) at else -at - 2]
    }
}
