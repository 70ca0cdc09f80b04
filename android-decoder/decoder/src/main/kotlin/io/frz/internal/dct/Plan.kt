package io.frz.internal.dct

import io.frz.internal.Budget
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum

/**
 * In which order the axes of a spectrum are multiplied: those that grow it least first, and last the one with which all
 * steps together take the least time, as it is streamed into the result. Axes of length 1 are left out.
 *
 * @param shape the axis lengths of the spectrum, none of them 0
 * @param box the corner of it that is not zero
 */
internal class Plan(shape: LongArray, private val box: LongArray, private val tensor: String, threads: Int) {
    /** The axes that take part, by their position in the shape. */
    val axes: IntArray = shape.indices.filter { shape[it] > 1 }.toIntArray()

    /** The steps, the last of which gives the weights. */
    val products: List<AxisProduct>

    /** The memory that all steps need, besides the result. */
    val workingBytes: Long

    private val lengths = axes.map { shape[it].toInt() }

    init {
        val sizes = axes.map { box[it] }.toLongArray()
        var needed = 0L
        products = bestOrder().mapIndexed { step, axis ->
            val outer = volume(sizes, 0, axis)
            val inner = volume(sizes, axis + 1, sizes.size)
            val lines = saturatedProduct(outer, inner)
            val inputs = saturatedProduct(lines, sizes[axis])
            val outputs = saturatedProduct(lines, lengths[axis].toLong())
            Budget.requireArray(maxOf(inputs, outputs), "values", tensor)
            Budget.requireArray(Grid.sizeOf(lengths[axis], sizes[axis].toInt()), "values", tensor)
            val product = AxisProduct(outer.toInt(), sizes[axis].toInt(), lengths[axis], inner.toInt())
            val kept = if (step < axes.size - 1) outputs else 0
            needed = maxOf(needed, saturatedSum(8 * (inputs + kept), product.workingBytes(threads)))
            sizes[axis] = lengths[axis].toLong()
            product
        }
        workingBytes = needed
    }

    private fun bestOrder(): List<Int> {
        val byGrowth = axes.indices.sortedBy { lengths[it].toDouble() / box[axes[it]] }
        return axes.indices.map { last -> byGrowth - last + last }.minByOrNull(::cost).orEmpty()
    }

    /** About how long the steps take in this [order]. */
    private fun cost(order: List<Int>): Double {
        val sizes = axes.map { box[it] }.toLongArray()
        var cost = 0.0
        for (axis in order) {
            val inner = volume(sizes, axis + 1, sizes.size)
            val lines = saturatedProduct(volume(sizes, 0, axis), inner)
            cost += lines.toDouble() * lengths[axis] * Method.cost(lines, sizes[axis].toInt(), lengths[axis], inner)
            sizes[axis] = lengths[axis].toLong()
        }
        return cost
    }

    private fun volume(sizes: LongArray, from: Int, to: Int): Long =
        (from until to).fold(1L) { product, axis -> saturatedProduct(product, sizes[axis]) }
}
