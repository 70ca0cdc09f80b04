package io.frz.internal.products

import io.frz.DType
import java.nio.ByteBuffer

/** The destination of a product, which provides each thread with its own writer. */
internal interface Destination {
    /** Returns a new writer of values. */
    fun output(): Output

    /** Returns a new panel for [terms] rows of [length] values that writes at most [longest] values at a time. */
    fun panel(terms: Int, length: Int, longest: Int): Panel
}

/** An array of binary64 numbers. */
internal class ArrayDestination(private val target: DoubleArray) : Destination {
    override fun output(): Output = ArrayOutput(target)

    override fun panel(terms: Int, length: Int, longest: Int): Panel = DoublePanel(terms, length, longest, output())
}

/** The memory of a tensor; sums are computed in binary32 if [isFloat]. */
internal class MemoryDestination(
    private val dtype: DType,
    private val target: ByteBuffer,
    private val isFloat: Boolean
) : Destination {
    override fun output(): Output = Output.of(dtype, target)

    override fun panel(terms: Int, length: Int, longest: Int): Panel = if (isFloat) {
        FloatPanel(terms, length, longest, target)
    } else {
        DoublePanel(terms, length, longest, output())
    }
}
