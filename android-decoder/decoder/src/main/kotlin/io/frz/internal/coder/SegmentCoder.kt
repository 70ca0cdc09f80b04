package io.frz.internal.coder

import io.frz.Coder
import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.storage.Segment

/** Turns the values of segments into bytes. All code that depends on the coder is behind this interface. */
internal interface SegmentCoder {
    val coder: Coder

    /** Whether the stored bytes can differ in number from those of the values. */
    val isCompressed: Boolean get() = true

    /** Whether it takes values of [type], which are exact or [areIntegers]. */
    fun takes(type: DType, areIntegers: Boolean): Boolean

    /** The largest number of values that a segment of [stored] bytes may have. */
    fun mostValues(stored: Long): Long = Long.MAX_VALUE

    /** The memory that decoding a segment of [group] takes, besides buffers that are small for every file. */
    fun workingBytes(group: Group): Long

    /** Checks that what the coder needs is available, before anything else is done for [tensor]. */
    fun requireInstalled(tensor: String?) = Unit

    /** A decoder of the segments of [group], which are opened in the order of their tiers. */
    fun decoder(group: Group): SegmentDecoder
}

/** Decodes the segments of one group. */
internal fun interface SegmentDecoder {
    /** The [count] values of [segment], whose checksum has matched. */
    fun open(segment: Segment, count: Long): ValueStream
}
