package io.frz.internal.coder

import io.frz.internal.container.Segment
import java.nio.ByteBuffer

/** Coders `range` and `range-ctx`: numbers of one format; section 9.2 of the specification. */
internal class RangeStream(private val segment: Segment, private val contexts: RangeContexts) : ValueStream {
    private val shape = contexts.shape
    private val decoder = RangeDecoder(segment)
    private var last = 0
    private var lastButOne = 0

    override fun startTensor() {
        last = 0
        lastButOne = 0
    }

    override fun read(target: ByteBuffer) {
        while (target.hasRemaining()) {
            val bits = value()
            when (shape.bytes) {
                1 -> target.put(bits.toByte())
                2 -> target.putShort(bits.toShort())
                else -> target.putInt(bits)
            }
        }
    }

    override fun finish(): Unit = decoder.finish()

    /** The next number, as the bits that stand for it. */
    private fun value(): Int {
        val set = contexts.after(last, lastButOne)
        val classes = 1 shl shape.classBits
        var node = 1
        repeat(shape.classBits) { node = 2 * node + decoder.bit(set, node) }
        val valueClass = node - classes
        lastButOne = last
        last = valueClass
        return if (shape.isFloat) float(set, classes, valueClass) else integer(set, classes, valueClass)
    }

    private fun float(set: IntArray, classes: Int, exponent: Int): Int {
        val sign = decoder.direct()
        val mantissa = mantissa(set, classes + exponent, shape.mantissaBits)
        return (((sign shl shape.classBits) or exponent) shl shape.mantissaBits) or mantissa
    }

    private fun integer(set: IntArray, classes: Int, magnitudeBits: Int): Int {
        if (magnitudeBits == 0) return 0
        val most = 8 * shape.bytes
        if (magnitudeBits > most) throw tooLarge()
        val isNegative = decoder.direct() == 1
        val rest = mantissa(set, classes + magnitudeBits, magnitudeBits - 1)
        if (magnitudeBits == most && !(isNegative && rest == 0)) throw tooLarge()
        val magnitude = (1 shl (magnitudeBits - 1)) or rest
        return if (isNegative) -magnitude else magnitude
    }

    private fun mantissa(set: IntArray, top: Int, bits: Int): Int {
        if (bits == 0) return 0
        var mantissa = decoder.bit(set, top)
        repeat(bits - 1) { mantissa = 2 * mantissa + decoder.direct() }
        return mantissa
    }

    private fun tooLarge() = segment.malformed("a range-coded number does not fit its format")
}
