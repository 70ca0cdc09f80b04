package io.frz.internal.dct

import io.frz.internal.Budget
import io.frz.internal.saturatedProduct

/**
 * In which order the axes of a spectrum are multiplied: those that grow it least first, and last the one that is
 * cheapest to stream into the result. Axes of length 1 are left out.
 *
 * @param shape the axis lengths of the spectrum, none of them 0
 * @param box the corner of it that is not zero
 */
internal class Plan(shape: LongArray, box: LongArray, tensor: String) {
    /** The axes that take part, by their position in the shape. */
    val axes: IntArray = shape.indices.filter { shape[it] > 1 }.toIntArray()

    /** The steps, the last of which gives the weights. */
    val products: List<AxisProduct>

    /** The memory that all steps need, besides the result. */
    val workingBytes: Long

    init {
        val lengths = axes.map { shape[it].toInt() }
        val sizes = axes.map { box[it] }.toLongArray()
        var needed = 0L
        val last = axes.indices.minByOrNull { streamingCost(lengths, sizes, it) }
        val others = axes.indices.filter { it != last }.sortedBy { lengths[it].toDouble() / sizes[it] }
        products = (others + listOfNotNull(last)).map { axis ->
            val outer = volume(sizes, 0, axis)
            val inner = volume(sizes, axis + 1, sizes.size)
            val lines = saturatedProduct(outer, inner)
            val inputs = saturatedProduct(lines, sizes[axis])
            val outputs = saturatedProduct(lines, lengths[axis].toLong())
            Budget.requireArray(maxOf(inputs, outputs), "values", tensor)
            val product = AxisProduct(outer.toInt(), sizes[axis].toInt(), lengths[axis], inner.toInt())
            Budget.requireArray(product.longestArray, "values", tensor)
            val kept = if (axis != last || product.isDense) outputs else 0
            needed = maxOf(needed, 8 * (inputs + kept) + product.workingBytes)
            sizes[axis] = lengths[axis].toLong()
            product
        }
        workingBytes = needed
    }

    /** About how much work an output element is if [axis] comes last. */
    private fun streamingCost(lengths: List<Int>, sizes: LongArray, axis: Int): Double {
        val inner = (axis + 1 until lengths.size).fold(1.0) { product, i -> product * lengths[i] }
        val terms = sizes[axis].toDouble()
        val gathering = if (inner > 1 && inner < AxisProduct.LEAST_ROW) GATHERING_COST else 0.0
        val shortness = ROW_COST / if (inner < AxisProduct.LEAST_ROW) lengths[axis].toDouble() else inner
        return terms + gathering + shortness + INPUT_COST * terms / lengths[axis]
    }

    private fun volume(sizes: LongArray, from: Int, to: Int): Long =
        (from until to).fold(1L) { product, axis -> saturatedProduct(product, sizes[axis]) }

    private companion object {
        const val GATHERING_COST = 8.0
        const val ROW_COST = 64.0
        const val INPUT_COST = 16.0
    }
}
