package io.frz.internal.coder

import io.frz.Coder
import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.storage.Segment

/** A coder of segments. Everything that depends on the coder is defined here. */
internal interface SegmentCoder {
    val coder: Coder

    /** Whether the stored size of a segment can differ from the size of its values. */
    val isCompressed: Boolean get() = true

    /** Returns whether the coder supports exact values of [type] or, if [areIntegers], integers. */
    fun takes(type: DType, areIntegers: Boolean): Boolean

    /** Returns the maximum number of values that a segment of [stored] bytes can contain. */
    fun mostValues(stored: Long): Long = Long.MAX_VALUE

    /** Returns the memory needed to decode a segment of [group], excluding small fixed buffers. */
    fun workingBytes(group: Group): Long

    /** Throws if a library that the coder needs is not installed; called before [tensor] is read. */
    fun requireInstalled(tensor: String?) = Unit

    /** Returns a decoder for the segments of [group], which must be opened in tier order. */
    fun decoder(group: Group): SegmentDecoder
}

/** Decodes the segments of one group. */
internal fun interface SegmentDecoder {
    /** Returns the [count] values of [segment], whose checksum has been verified. */
    fun open(segment: Segment, count: Long): ValueStream
}
