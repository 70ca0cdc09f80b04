package io.frz

import io.frz.internal.coder.ValueShape

/** The writer's side of the range coder, made from the specification's decoder by turning each step around. */
class RangeEncoder private constructor(private val shape: ValueShape, private val byNeighbours: Boolean) {
    private class Context(var p: Int = 32768, var n: Int = 0)

    private val sets = HashMap<Int, Array<Context>>()
    private val out = ArrayList<Int>()
    private var low = 0L
    private var range = 0xFFFFFFFFL

    private fun segment(tensors: List<IntArray>): ByteArray {
        out.clear()
        low = 0
        range = 0xFFFFFFFFL
        for (tensor in tensors) {
            var c1 = 0
            var c2 = 0
            for (value in tensor) {
                val set = sets.getOrPut(if (byNeighbours) (c1 + c2 + 1) / 2 else 0) {
                    Array(2 shl shape.classBits) { Context() }
                }
                c2 = c1
                c1 = value(set, value)
            }
        }
        repeat(4) { shift() }
        while (out.isNotEmpty() && out.last() == 0) out.removeAt(out.size - 1)
        return ByteArray(out.size) { out[it].toByte() }
    }

    private fun value(set: Array<Context>, bits: Int): Int {
        val magnitude = if (bits < 0) -bits.toLong() else bits.toLong()
        val valueClass = if (shape.isFloat) {
            bits ushr shape.mantissaBits and (1 shl shape.classBits) - 1
        } else {
            64 - java.lang.Long.numberOfLeadingZeros(magnitude)
        }
        var node = 1
        for (i in shape.classBits - 1 downTo 0) {
            val bit = valueClass shr i and 1
            bit(set[node], bit)
            node = 2 * node + bit
        }
        if (shape.isFloat || valueClass > 0) {
            direct(if (shape.isFloat) bits ushr (8 * shape.bytes - 1) and 1 else bits ushr 31)
        }
        val mantissaBits = if (shape.isFloat) shape.mantissaBits else maxOf(0, valueClass - 1)
        val mantissa = if (shape.isFloat) bits.toLong() else magnitude
        for (i in mantissaBits - 1 downTo 0) {
            val bit = (mantissa shr i and 1).toInt()
            if (i == mantissaBits - 1) bit(set[(1 shl shape.classBits) + valueClass], bit) else direct(bit)
        }
        return valueClass
    }

    private fun bit(context: Context, bit: Int) {
        val bound = (range ushr 16) * context.p
        val rate = 65536 / (context.n + 2)
        if (bit == 1) {
            range = bound
            context.p += ((65536L - context.p) * rate shr 16).toInt()
        } else {
            low += bound
            range -= bound
            context.p -= (context.p.toLong() * rate shr 16).toInt()
        }
        if (context.n < 254) context.n++
        normalize()
    }

    private fun direct(bit: Int) {
        range = range ushr 1
        if (bit == 1) low += range
        normalize()
    }

    private fun normalize() {
        while (range < 1L shl 24) {
            shift()
            range = range shl 8
        }
    }

    private fun shift() {
        if (low ushr 32 != 0L) {
            var at = out.size - 1
            while (out[at] == 0xFF) out[at--] = 0
            out[at]++
            low = low and 0xFFFFFFFFL
        }
        out.add((low ushr 24).toInt())
        low = low shl 8 and 0xFFFFFFFFL
    }

    companion object {
        /** The segments of a group: for each tier, the values (or bits) of each tensor. */
        fun encode(format: NumberFormat, byNeighbours: Boolean, tiers: List<List<IntArray>>): List<ByteArray> {
            val encoder = RangeEncoder(ValueShape.of(format), byNeighbours)
            return tiers.map { encoder.segment(it) }
        }
    }
}
