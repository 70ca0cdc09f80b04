package io.frz.internal.coder

import io.frz.Coder
import io.frz.DType
import io.frz.internal.directory.Group
import io.frz.internal.storage.Segment

/** A coder of segments. Everything that depends on the coder is defined here. */
internal interface SegmentCoder {
    val coder: Coder

    /** Whether the stored size differs from that of the values. */
    val isCompressed: Boolean get() = true

    /** Whether it supports values of [type], which are either exact or, if [areIntegers], quantized. */
    fun takes(type: DType, areIntegers: Boolean): Boolean

    /** The most values that a segment of [stored] bytes may hold. */
    fun mostValues(stored: Long): Long = Long.MAX_VALUE

    /** The memory needed to decode a segment of [group], besides small fixed buffers. */
    fun workingBytes(group: Group): Long

    /** Checks that the libraries it needs are installed, before anything else is done for [tensor]. */
    fun requireInstalled(tensor: String?) = Unit

    /** A decoder for the segments of [group], which are opened in the order of the tiers. */
    fun decoder(group: Group): SegmentDecoder
}

/** Decodes the segments of one group. */
internal fun interface SegmentDecoder {
    /** The [count] values of [segment], whose checksum has been verified. */
    fun open(segment: Segment, count: Long): ValueStream
}
