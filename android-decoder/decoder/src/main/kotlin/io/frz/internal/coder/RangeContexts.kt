package io.frz.internal.coder

import io.frz.DType
import io.frz.NumberFormat

/**
 * How the numbers of a format are split: a class of [classBits], a sign, and a mantissa.
 *
 * @property isFloat whether the class is an exponent field; else it is the number of bits of the magnitude
 * @property mantissaBits the mantissa of a float
 */
internal enum class ValueShape(val classBits: Int, val isFloat: Boolean, val mantissaBits: Int, val bytes: Int) {
    F16(5, true, 10, 2),
    BF16(8, true, 7, 2),
    F32(8, true, 23, 4),
    I8(4, false, 0, 1),
    I16(5, false, 0, 2),
    I32(6, false, 0, 4)
    ;

    companion object {
        fun of(format: NumberFormat): ValueShape = valueOf(format.name)
    }
}

/** The number format as which the range coder takes elements of [dtype], or null if it does not. */
internal fun rangeFormat(dtype: DType): NumberFormat? = when (dtype) {
    DType.I8 -> NumberFormat.I8
    DType.I16 -> NumberFormat.I16
    DType.I32 -> NumberFormat.I32
    DType.F16 -> NumberFormat.F16
    DType.BF16 -> NumberFormat.BF16
    DType.F32 -> NumberFormat.F32
    else -> null
}

/** All contexts of one group, carried from each of its segments to the next. */
internal class RangeContexts(val shape: ValueShape, private val byNeighbours: Boolean) {
    private val sets = arrayOfNulls<IntArray>(if (byNeighbours) 1 shl shape.classBits else 1)

    /**
     * The contexts for a value that follows values of the classes [last] and, before it, [lastButOne]: first those of
     * the class tree, then those of the first mantissa bit.
     */
    fun after(last: Int, lastButOne: Int): IntArray {
        val index = if (byNeighbours) (last + lastButOne + 1) / 2 else 0
        return sets[index] ?: IntArray(2 shl shape.classBits) { RangeDecoder.FRESH }.also { sets[index] = it }
    }
}
