package io.frz.internal.dct

import io.frz.internal.Workers

/**
 * One step of the inverse transform: an array of shape (outer, terms, inner) multiplied along its middle axis by the
 * first [terms] functions of the basis of [length], which gives one of shape (outer, length, inner).
 */
internal class AxisProduct(val outer: Int, val terms: Int, val length: Int, val inner: Int) {
    /** How many values come in. */
    val inputs: Long get() = outer.toLong() * terms * inner

    /** How many values come out. */
    val outputs: Long get() = outer.toLong() * length * inner

    /** Whether so many functions are used that a fast transform of each line is quicker than a product. */
    val isDense: Boolean get() = terms > MOST_TERMS

    /** Memory for a result that goes to an array of its own, without that array. */
    val workingBytes: Long get() = if (isDense) ChirpTransform.workingBytes(length, terms) else 8L * length

    /** How many values are written at once at most. */
    val longestRow: Int get() = if (inner >= LEAST_ROW) inner else length * inner

    /** The longest array that is needed besides source and result. */
    val longestArray: Long get() = if (isDense) 2 * ChirpTransform.convolutionSize(length, terms) else length + 1L

    /** The result as a new array. */
    fun expand(source: DoubleArray, workers: Workers): DoubleArray {
        val target = DoubleArray(outputs.toInt())
        if (isDense) {
            transformLines(source, target)
        } else {
            multiply(source, workers) { DoublePanel(terms, longestRow, ArrayOutput(target)) }
        }
        return target
    }

    private fun transformLines(source: DoubleArray, target: DoubleArray) {
        val transform = ChirpTransform(length, terms)
        for (a in 0 until outer) {
            for (b in 0 until inner) {
                transform.line(source, a * terms * inner + b, target, a * length * inner + b, inner)
            }
        }
    }

    /** Multiplies with panels that [newPanel] makes, one for each thread, and that write the result. */
    fun multiply(source: DoubleArray, workers: Workers, newPanel: () -> Panel) {
        val basis = Basis(length)
        if (inner >= LEAST_ROW) {
            workers.split(length, leastPart(outer.toLong() * inner)) { from, to ->
                combineRows(source, basis, newPanel(), from, to)
            }
        } else {
            workers.split(outer, leastPart(length.toLong() * inner)) { from, to ->
                combineFunctions(source, basis, newPanel(), from, to)
            }
        }
    }

    /** Each row of the result is a sum of rows of the source, the weights being the basis at a point from..to. */
    private fun combineRows(source: DoubleArray, basis: Basis, panel: Panel, from: Int, to: Int) {
        val width = Panel.padded(terms)
        val batch = maxOf(1, BATCH_WEIGHTS / width)
        val weights = DoubleArray(minOf(batch, to - from) * width)
        for (first in from until to step batch) {
            val points = first until minOf(first + batch, to)
            for (point in points) basis.atPoint(point, terms, weights, (point - first) * width)
            for (a in 0 until outer) {
                for (start in 0 until inner step panel.length) {
                    val count = minOf(panel.length, inner - start)
                    for (k in 0 until terms) panel.load(k, source, (a * terms + k) * inner + start, count)
                    for (point in points) {
                        panel.combine(weights, (point - first) * width, count)
                        panel.write(count, (a * length + point) * inner + start)
                    }
                }
            }
        }
    }

    /** Each line of the result is a sum of basis functions, the weights being a line of the source from..to. */
    private fun combineFunctions(source: DoubleArray, basis: Basis, panel: Panel, from: Int, to: Int) {
        val weights = DoubleArray(Panel.padded(terms))
        val function = DoubleArray(panel.length)
        val step = maxOf(1, panel.length / inner)
        for (start in 0 until length step step) {
            val count = minOf(step, length - start)
            for (k in 0 until terms) {
                basis.function(k, start, count, function)
                panel.load(k, function, 0, count)
            }
            for (a in from until to) {
                val at = (a * length + start) * inner
                for (b in 0 until inner) {
                    for (k in 0 until terms) weights[k] = source[(a * terms + k) * inner + b]
                    panel.combine(weights, 0, count)
                    if (inner == 1) panel.write(count, at) else panel.stage(count, b, inner)
                }
                if (inner > 1) panel.writeStage(count * inner, at)
            }
        }
    }

    /** How many slices of [values] values each are worth a thread. */
    private fun leastPart(values: Long): Int = (THREAD_VALUES / maxOf(1, values)).toInt() + 1

    companion object {
        /** Shorter rows than this are gathered before they are written. */
        const val LEAST_ROW = 32
        private const val MOST_TERMS = 1024
        private const val BATCH_WEIGHTS = 1 shl 16
        private const val THREAD_VALUES = 1L shl 17
    }
}
