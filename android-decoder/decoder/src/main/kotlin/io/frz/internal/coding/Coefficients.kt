package io.frz.internal.coding

import io.frz.NumberFormat
import io.frz.internal.Float16
import java.nio.ByteBuffer

/** The step that [code] stands for: 16 of them to an octave; section 7.1 of the specification. */
internal fun stepSize(code: Int): Double = Math.scalb((16 + (code and 15)).toDouble(), (code shr 4) - 4)

/** How numbers of a format become coefficients; section 7 of the specification. */
internal fun interface CoefficientReader {
    /** The next coefficient of [bytes]. */
    fun next(bytes: ByteBuffer): Float

    companion object {
        /** For numbers of [format]; integers are multiples of [step]. */
        fun of(format: NumberFormat, step: Double): CoefficientReader = when (format) {
            NumberFormat.F32 -> CoefficientReader { it.getFloat() }
            NumberFormat.F16 -> CoefficientReader { Float16.F16.value(it.getShort()) }
            NumberFormat.BF16 -> CoefficientReader { Float16.BF16.value(it.getShort()) }
            NumberFormat.I8 -> CoefficientReader { (it.get() * step).toFloat() }
            NumberFormat.I16 -> CoefficientReader { (it.getShort() * step).toFloat() }
            NumberFormat.I32 -> CoefficientReader { (it.getInt() * step).toFloat() }
        }
    }
}
