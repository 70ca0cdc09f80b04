package io.frz.internal

/** The numbers beyond which a file is refused; section 10 of the specification. */
internal object Limits {
    const val DIRECTORY_BYTES = 1L shl 26
    const val RANK = 8
    const val AXIS = Int.MAX_VALUE.toLong()
    const val ELEMENTS = 1L shl 48
    const val KEPT = Int.MAX_VALUE.toLong()
    const val SEGMENT_BYTES = 1L shl 48
    const val TENSORS = 1 shl 20
    const val TIERS = 256
    const val FEATURES = 256
    const val NAME_BYTES = 1024
    const val NAMES_BYTES = 1L shl 26
    const val NESTING = 16
    const val STEP_MIN = -2016L
    const val STEP_MAX = 2031L

    /** How many values a range-coded segment of [stored] bytes may hold. */
    fun rangeValues(stored: Long): Long = (stored + 16) shl 10
}

/** a + b for non-negative numbers, or [Long.MAX_VALUE] where that is too large for a Long. */
internal fun saturatedSum(a: Long, b: Long): Long = if (a > Long.MAX_VALUE - b) Long.MAX_VALUE else a + b

/** a · b for non-negative numbers, or [Long.MAX_VALUE] where that is too large for a Long. */
internal fun saturatedProduct(a: Long, b: Long): Long = if (b != 0L && a > Long.MAX_VALUE / b) Long.MAX_VALUE else a * b
