package io.frz.internal.dct

import io.frz.DType
import io.frz.internal.Budget
import io.frz.internal.Request
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
    private val tensor: String,
    private val workers: Workers
) {
    private val box = Box(shape).of(coefficients.size)
    private val plan = if (coefficients.isEmpty()) null else Plan(shape, box, tensor, workers.count)

    /** The memory that is needed besides coefficients and result. */
    val workingBytes: Long get() = plan?.workingBytes ?: 0

    /** Fills [target] from its position to its limit with the weights. */
    fun into(target: ByteBuffer, request: Request) {
        if (plan == null) return zero(target, request)
        Budget.allocating(workingBytes, tensor) {
            var values = spectrum(plan, request)
            var spare = DoubleArray(0)
            for (product in plan.products.dropLast(1)) {
                val size = product.lines * product.length
                val target = if (spare.size >= size) spare else DoubleArray(size)
                product.multiply(values, ArrayDestination(target), workers, request)
                spare = values
                values = target
            }
            val last = plan.products.lastOrNull()
            if (last == null) {
                Output.of(dtype, target).put(values, 1, 0)
            } else {
                val isFloat = dtype == DType.F32 && FloatBound.allows(last, values, request)
                last.multiply(values, MemoryDestination(dtype, target, isFloat), workers, request)
            }
        }
    }

    /** The box of the spectrum, with the coefficients at their places. */
    private fun spectrum(plan: Plan, request: Request): DoubleArray {
        val strides = IntArray(shape.size)
        var volume = 1
        for (axis in plan.axes.reversed()) {
            strides[axis] = volume
            volume *= box[axis].toInt()
        }
        val values = DoubleArray(volume)
        var checked = 0
        Zigzag.walk(shape, coefficients.size, strides) { position, count, offset, step ->
            if (position - checked >= CHECKED) {
                request.check()
                checked = position
            }
            for (i in 0 until count) values[offset + i * step] = coefficients[position + i].toDouble()
        }
        return values
    }

    private fun zero(target: ByteBuffer, request: Request) {
        val zeros = ByteArray(CHUNK)
        val view = target.duplicate()
        while (view.hasRemaining()) {
            request.check()
            view.put(zeros, 0, minOf(zeros.size, view.remaining()))
        }
    }

    private companion object {
        const val CHUNK = 1 shl 16

        /** After how many coefficients the request is asked whether it goes on. */
        const val CHECKED = 1 shl 16
    }
}
