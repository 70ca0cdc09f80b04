package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.elementCount

/** Reads an id and returns the entry of [meanings] at that index; null marks an unassigned id. */
internal fun <T : Any> MessageReader.id(what: String, meanings: List<T?>): T {
    val position = position
    val id = uint(what)
    return (if (id < meanings.size) meanings[id.toInt()] else null)
        ?: throw at(position).fault(ErrorCode.UNSUPPORTED, "$what has the unknown id $id; use a newer decoder")
}

/** Reads an integer ≥ 1 that is at most [limit]. */
internal fun MessageReader.atLeastOne(what: String, limit: Long): Long {
    val value = uint(what, limit)
    if (value == 0L) throw fault(ErrorCode.DIRECTORY, "$what is 0")
    return value
}

/** Reads the axis lengths of a shape or view. */
internal fun MessageReader.shape(what: String): LongArray {
    val rank = array(what)
    if (rank > Limits.RANK) throw fault(ErrorCode.LIMIT, "$what has $rank axes, more than ${Limits.RANK}")
    return LongArray(rank) { uint("an axis length", Limits.AXIS) }
}

/** Returns the number of elements of [shape], which has just been read; throws if it exceeds the limit. */
internal fun MessageReader.elements(shape: LongArray): Long {
    val count = elementCount(shape)
    if (count > Limits.ELEMENTS) throw fault(ErrorCode.LIMIT, "a tensor has more than ${Limits.ELEMENTS} elements")
    return count
}
