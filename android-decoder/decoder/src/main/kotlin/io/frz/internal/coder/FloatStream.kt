package io.frz.internal.coder

import io.frz.DType

/** The layout of a 16- or 32-bit float: a sign bit, [exponentBits] and [mantissaBits]. */
internal class FloatFormat private constructor(val exponentBits: Int, val mantissaBits: Int) {
    companion object {
        private val F16 = FloatFormat(5, 10)
        private val BF16 = FloatFormat(8, 7)
        private val F32 = FloatFormat(8, 23)

        fun of(type: DType): FloatFormat? = when (type) {
            DType.F16 -> F16
            DType.BF16 -> BF16
            DType.F32 -> F32
            else -> null
        }
    }
}

/**
 * Floats of a [format]. The sign and exponent of each float are stored as one integer; the mantissas follow all
 * integers. See section 9.2 of the specification.
 */
internal class FloatStream(
    private val bytes: SegmentPart,
    integers: (bytes: SegmentPart) -> IntegerDecoder,
    private val format: FloatFormat,
    type: DType,
    count: Long
) : NumberStream(type, count) {
    private val reference = bytes.next()
    private val integers: BlockReader
    private val mantissas: Mantissas

    init {
        val kept = bytes.next()
        if (kept > format.mantissaBits) throw bytes.malformed("floats keep $kept mantissa bits, which is too many")
        this.integers = BlockReader(integers(bytes.part(bytes.leb128())))
        mantissas = Mantissas(bytes, kept, format.mantissaBits - kept)
    }

    override fun start(run: Run) = integers.start(run)

    override fun read(target: IntArray, from: Int, count: Int) {
        integers.read(target, from, count)
        for (i in from until from + count) if (target[i] != 0) target[i] = float(target[i])
    }

    private fun float(integer: Int): Int {
        val exponent = reference + 1 - Math.abs(integer.toLong())
        if (exponent < 0 || exponent >= 1 shl format.exponentBits) {
            throw bytes.malformed("the exponent of a float is out of range")
        }
        val sign = if (integer < 0) 1 else 0
        return (sign shl format.exponentBits or exponent.toInt()) shl format.mantissaBits or mantissas.next()
    }

    override fun finish() {
        integers.finish()
        mantissas.finish()
    }
}

/**
 * The mantissas at the end of [bytes]. The [kept] highest bits are stored: whole bytes as byte planes, followed by the
 * remaining bits. The [dropped] lowest bits are zero and are not stored.
 */
private class Mantissas(private val bytes: SegmentPart, private val kept: Int, private val dropped: Int) {
    private val all = bytes.end - bytes.position
    private val bits = kept % Byte.SIZE_BITS

    /** The number of mantissas, derived from the size of the planes. */
    private val count = if (kept < Byte.SIZE_BITS) 0 else all * Byte.SIZE_BITS / kept
    private val planes = Array(kept / Byte.SIZE_BITS) { bytes.part(minOf(count, bytes.end - bytes.position)) }
    private val rest = bytes.part(bytes.end - bytes.position)
    private var buffer = 0
    private var buffered = 0
    private var used = 0L

    /** Returns the next mantissa. */
    fun next(): Int {
        used++
        var mantissa = 0
        for (plane in planes.indices) mantissa = mantissa or (planes[plane].next() shl Byte.SIZE_BITS * plane)
        while (buffered < bits) {
            buffer = buffer or (rest.next() shl buffered)
            buffered += Byte.SIZE_BITS
        }
        mantissa = mantissa or ((buffer and (1 shl bits) - 1) shl Byte.SIZE_BITS * planes.size)
        buffer = buffer ushr bits
        buffered -= bits
        return mantissa shl dropped
    }

    /** Checks that all stored bits have been consumed and that the padding of the last byte is 0. */
    fun finish() {
        val isComplete = planes.all { it.position == it.end } && rest.position == rest.end
        if (!isComplete || buffer != 0) throw bytes.malformed("the mantissas do not match the floats in number")
    }
}
