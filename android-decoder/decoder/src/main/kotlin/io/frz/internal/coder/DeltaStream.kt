package io.frz.internal.coder

import io.frz.DType

/**
 * The values of one tensor of a delta file: the values of the [base] plus the [differences]. All values are integers,
 * or the bits of floats of [type]; see section 6.2 of the specification.
 */
internal class DeltaStream(
    private val differences: ValueStream,
    private val base: IntArray,
    type: DType,
    private val areMultiples: Boolean
) : NumberStream(type, base.size.toLong()) {
    private val unused = Int.SIZE_BITS - Byte.SIZE_BITS * type.bytes
    private val turned = if (areMultiples || FloatFormat.of(type) == null) 0 else Int.MAX_VALUE ushr unused
    private var at = 0

    /** Whether an integer was outside the range of quantized values. */
    var isBeyond = false
        private set

    override fun start(run: Run) = differences.start(run)

    override fun read(target: IntArray, from: Int, count: Int) {
        differences.read(target, from, count)
        for (i in from until from + count) {
            val sum = turn(signed(turn(signed(base[at++])) + target[i]))
            if (areMultiples && sum == Int.MIN_VALUE) isBeyond = true
            target[i] = sum shl unused ushr unused
        }
    }

    /** Sign-extends the bits of a value. */
    private fun signed(value: Int): Int = value shl unused shr unused

    /**
     * Reverses the order of negative floats, so that their bits, read as integers, have the same order as the floats.
     */
    private fun turn(value: Int): Int = if (value < 0) value xor turned else value

    override fun finish() = Unit
}
