package io.frz.internal

/** The limits of the format. A file that exceeds one is rejected; see section 11 of the specification. */
internal object Limits {
    const val DIRECTORY_BYTES = 1L shl 26
    const val RANK = 8
    const val AXIS = Int.MAX_VALUE.toLong()
    const val ELEMENTS = 1L shl 48
    const val KEPT = Int.MAX_VALUE.toLong()

    /** The maximum number of core entries along an axis whose basis is stored or seeded. */
    const val COLUMNS = 1L shl 14
    const val GROUP_VALUES = 1L shl 48
    const val SEGMENT_BYTES = 1L shl 48
    const val FILE_BYTES = 1L shl 56
    const val TENSORS = 1 shl 20
    const val TIERS = 256
    const val FEATURES = 256
    const val NAME_BYTES = 1024
    const val NAMES_BYTES = 1L shl 26
    const val NESTING = 16
    const val DIGEST_BYTES = 32

    /** The largest size, in bytes, of values that a delta file can store as differences. */
    const val DIFFERING_BYTES = 4
    const val OFFSETS = 255L
    const val STEP_MIN = -2016L
    const val STEP_MAX = 2031L
}

/** Returns a + b for non-negative numbers, or [Long.MAX_VALUE] if that overflows a Long. */
internal fun saturatedSum(a: Long, b: Long): Long = if (a > Long.MAX_VALUE - b) Long.MAX_VALUE else a + b

/** Returns a · b for non-negative numbers, or [Long.MAX_VALUE] if that overflows a Long. */
internal fun saturatedProduct(a: Long, b: Long): Long = if (b != 0L && a > Long.MAX_VALUE / b) Long.MAX_VALUE else a * b

/** Returns the number of elements of a shape, or [Long.MAX_VALUE] if that overflows a Long. */
internal fun elementCount(shape: LongArray): Long = if (0L in shape) 0 else shape.fold(1L, ::saturatedProduct)
