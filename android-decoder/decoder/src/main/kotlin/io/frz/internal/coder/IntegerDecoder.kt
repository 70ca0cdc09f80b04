package io.frz.internal.coder

/** Decodes the integers of a segment, or of a part of one. */
internal interface IntegerDecoder {
    /** Says that the values of a box follow. */
    fun start(layout: Layout)

    /** Gives the next [count] integers to [target] from [from] on. */
    fun read(target: IntArray, from: Int, count: Int)

    /** Says that no integer is wanted any more; the bytes must be at their end. */
    fun finish()
}
