package io.frz.internal.dct

import io.frz.DType
import io.frz.internal.Budget
import io.frz.internal.Workers
import java.nio.ByteBuffer

/**
 * The inverse transform of one tensor: the box of its spectrum multiplied along every axis by a basis; section 6 of the
 * specification. Everything but the last product is small; the last one is streamed into the result.
 */
internal class Rebuild(
    private val shape: LongArray,
    private val coefficients: FloatArray,
    private val dtype: DType,
    private val tensor: String
) {
    private val box = Zigzag.box(shape, coefficients.size)
    private val plan = if (coefficients.isEmpty()) null else Plan(shape, box, tensor)

    /** The memory that is needed besides coefficients and result. */
    val workingBytes: Long get() = plan?.workingBytes ?: 0

    /** Fills [target] from its position to its limit with the weights. */
    fun into(target: ByteBuffer, workers: Workers) {
        if (plan == null) return zero(target)
        Budget.allocating(workingBytes, tensor) {
            var values = spectrum(plan)
            for (product in plan.products.dropLast(1)) values = product.expand(values, workers)
            val last = plan.products.lastOrNull()
            when {
                last == null -> copy(values, Output.of(dtype, target))
                last.isDense -> copy(last.expand(values, workers), Output.of(dtype, target))
                else -> stream(last, values, target, workers)
            }
        }
    }

    /** The box of the spectrum, with the coefficients at their places. */
    private fun spectrum(plan: Plan): DoubleArray {
        val strides = LongArray(shape.size)
        var volume = 1L
        for (axis in plan.axes.reversed()) {
            strides[axis] = volume
            volume *= box[axis]
        }
        val values = DoubleArray(volume.toInt())
        Zigzag.forEach(shape, coefficients.size) { position, index ->
            var at = 0L
            for (axis in index.indices) at += index[axis] * strides[axis]
            values[at.toInt()] = coefficients[position].toDouble()
        }
        return values
    }

    private fun stream(last: AxisProduct, values: DoubleArray, target: ByteBuffer, workers: Workers) {
        val isFloat = dtype == DType.F32 && FloatBound.allows(last, values)
        last.multiply(values, workers) {
            if (isFloat) {
                FloatPanel(last.terms, last.longestRow, target)
            } else {
                DoublePanel(last.terms, last.longestRow, Output.of(dtype, target))
            }
        }
    }

    private fun copy(values: DoubleArray, output: Output) {
        val chunk = DoubleArray(minOf(values.size, Panel.LENGTH))
        for (start in values.indices step Panel.LENGTH) {
            val count = minOf(chunk.size, values.size - start)
            System.arraycopy(values, start, chunk, 0, count)
            output.put(chunk, count, start)
        }
    }

    private fun zero(target: ByteBuffer) {
        val zeros = ByteArray(Panel.LENGTH)
        val view = target.duplicate()
        while (view.hasRemaining()) view.put(zeros, 0, minOf(zeros.size, view.remaining()))
    }
}
