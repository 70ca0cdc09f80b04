package io.frz.internal.rebuild

import io.frz.internal.Budget
import io.frz.internal.products.AxisProduct
import io.frz.internal.products.Grid
import io.frz.internal.products.Method
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum

/**
 * The order in which [axes] are multiplied by their bases. The last product is streamed into the result; its axis is
 * chosen to minimize the total time of all steps. Of the other axes, those that enlarge the core least come first.
 *
 * @param batch the number of cores that are stored back to back and multiplied together
 * @param isStreamed whether the last product is written to its destination at once, not to an array first
 */
internal class Plan(
    private val batch: Int,
    private val axes: List<Axis>,
    private val tensor: String?,
    threads: Int,
    isStreamed: Boolean
) {
    /** The steps; the last one produces the weights. */
    val products: List<AxisProduct>

    /**
     * The sizes of two arrays that hold the values between the steps in turn: the first the cores, the second the
     * result of the first step, the first that of the second step, and so on.
     */
    val arrays = LongArray(2)

    /** The memory that the steps need in addition to [arrays] and the destination, in bytes. */
    val workingBytes: Long

    init {
        val sizes = LongArray(axes.size) { axes[it].terms.toLong() }
        val order = bestOrder()
        var needed = 0L
        products = order.mapIndexed { step, j ->
            val basis = checkNotNull(axes[j].basis)
            val outer = saturatedProduct(batch.toLong(), volume(sizes, 0, j))
            val inner = volume(sizes, j + 1, sizes.size)
            val lines = saturatedProduct(outer, inner)
            val inputs = saturatedProduct(lines, sizes[j])
            val outputs = saturatedProduct(lines, axes[j].length.toLong())
            Budget.requireArray(maxOf(inputs, outputs), "values", tensor)
            if (basis.hasTransform) Budget.requireArray(Grid.sizeOf(basis.length, axes[j].terms), "values", tensor)
            val product = AxisProduct(outer.toInt(), axes[j].terms, basis, inner.toInt())
            hold(step, inputs)
            if (step < order.size - 1 || !isStreamed) hold(step + 1, outputs)
            needed = maxOf(needed, product.workingBytes(threads))
            sizes[j] = axes[j].length.toLong()
            product
        }
        workingBytes = needed
    }

    private fun hold(step: Int, values: Long) {
        arrays[step % 2] = maxOf(arrays[step % 2], values)
    }

    private fun bestOrder(): List<Int> {
        val byGrowth = axes.indices.filter { axes[it].basis != null }
            .sortedBy { axes[it].length.toDouble() / axes[it].terms }
        return byGrowth.map { last -> byGrowth - last + last }.minByOrNull(::cost).orEmpty()
    }

    /** Returns the estimated time of the steps in this [order]. */
    private fun cost(order: List<Int>): Double {
        val sizes = LongArray(axes.size) { axes[it].terms.toLong() }
        var cost = 0.0
        for (j in order) {
            val axis = axes[j]
            val inner = volume(sizes, j + 1, sizes.size)
            val lines = saturatedProduct(batch.toLong(), saturatedProduct(volume(sizes, 0, j), inner))
            val hasTransform = checkNotNull(axis.basis).hasTransform
            cost += lines.toDouble() * axis.length *
                Method.cost(lines, axis.terms, axis.length, inner, hasTransform)
            sizes[j] = axis.length.toLong()
        }
        return cost
    }

    private fun volume(sizes: LongArray, from: Int, to: Int): Long =
        (from until to).fold(1L) { product, j -> saturatedProduct(product, sizes[j]) }
}
