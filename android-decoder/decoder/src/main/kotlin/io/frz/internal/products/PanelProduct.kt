package io.frz.internal.products

import io.frz.internal.Request

/** Computes a [product] as weighted sums of the rows of a [Panel]. */
internal abstract class PanelProduct(
    protected val product: AxisProduct,
    protected val source: DoubleArray,
    protected val target: Destination,
    protected val request: Request
) {
    protected val outer = product.outer
    protected val terms = product.terms
    protected val length = product.length
    protected val inner = product.inner
    protected val basis = product.basis

    /**
     * Computes [count] points, starting at [first], of all lines of the outer index [a]. For each line, calls [weigh]
     * with the inner index of the line; it must set the [weights] of the rows of [panel].
     */
    protected inline fun writeLines(
        panel: Panel,
        a: Int,
        first: Int,
        count: Int,
        weights: DoubleArray,
        weigh: (b: Int) -> Unit
    ) {
        val at = (a * length + first) * inner
        for (b in 0 until inner) {
            weigh(b)
            panel.combine(weights, 0, count)
            if (inner == 1) panel.write(count, at) else panel.stage(count, b, inner)
        }
        if (inner > 1) panel.writeStage(count * inner, at)
    }
}
