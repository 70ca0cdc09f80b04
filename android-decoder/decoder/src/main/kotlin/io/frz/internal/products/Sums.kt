package io.frz.internal.products

/** The number of rows summed in one pass. */
internal const val STRIP = 4

/** Returns [terms] rounded up to whole strips. */
internal fun padded(terms: Int): Int = (terms + STRIP - 1) / STRIP * STRIP

// Rebuilding spends most of its time in loops like these. They access plain arrays with a common index, so virtual
// machines compile them to vector instructions.

/**
 * Sets the first [count] of [sums] to sums of [terms] rows, starting at [row], weighted by [weights], starting at
 * [from].
 */
internal fun sumRows(
    sums: DoubleArray,
    rows: Array<DoubleArray>,
    row: Int,
    terms: Int,
    weights: DoubleArray,
    from: Int,
    count: Int
) {
    eachOfStrip(rows, row, weights, from, count) { i, sum -> sums[i] = sum }
    for (term in STRIP until terms step STRIP) {
        eachOfStrip(rows, row + term, weights, from + term, count) { i, sum -> sums[i] += sum }
    }
}

/** Calls [put] with the weighted sum of four rows, starting at [row], for each of [count] places. */
private inline fun eachOfStrip(
    rows: Array<DoubleArray>,
    row: Int,
    weights: DoubleArray,
    from: Int,
    count: Int,
    put: (i: Int, sum: Double) -> Unit
) {
    val r0 = rows[row]
    val r1 = rows[row + 1]
    val r2 = rows[row + 2]
    val r3 = rows[row + 3]
    val w0 = weights[from]
    val w1 = weights[from + 1]
    val w2 = weights[from + 2]
    val w3 = weights[from + 3]
    for (i in 0 until count) put(i, w0 * r0[i] + w1 * r1[i] + w2 * r2[i] + w3 * r3[i])
}
