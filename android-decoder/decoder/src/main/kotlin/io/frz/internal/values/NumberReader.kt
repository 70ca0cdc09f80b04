package io.frz.internal.values

import io.frz.DType
import io.frz.internal.Float16
import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group

/**
 * Reads numbers that are stored as 32-bit floats, as 16-bit floats or quantized, and writes them to [sink] as binary32.
 */
internal class NumberReader(
    private val group: Group,
    private val i: Int,
    private val tier: Int,
    private val places: Places,
    private val sink: NumberSink,
    private val scratch: Scratch
) : ValueReader() {
    private val numbers = group.numbers
    private val steps = numbers.steps?.let { StepCodes(group, i, tier, it[i], places.heads) }
    private val type = group.valueType

    /** The place of the first number that is still in [scratch]. */
    private var place = 0L
    private var pending = 0

    override fun read(stream: ValueStream, before: Int, tier: Int) {
        for (run in Run.of(group, i, tier)) {
            stream.start(run)
            if (run.axis == null) {
                readEntries(stream, run.count, before, tier)
            } else {
                checkNotNull(steps).read(stream, run, before, tier, scratch.request)
            }
        }
    }

    private fun readEntries(stream: ValueStream, all: Long, before: Int, tier: Int) {
        val bits = scratch.numbers
        var left = all
        var have = 0
        var used = 0
        places.visit(before, tier) { index, place, count ->
            steps?.startLine(index)
            var done = 0L
            while (done < count) {
                if (used == have) {
                    flush()
                    scratch.request.check()
                    have = minOf(left, bits.size.toLong()).toInt()
                    stream.read(bits, 0, have)
                    left -= have
                    used = 0
                }
                val part = minOf(count - done, (have - used).toLong()).toInt()
                if (place + done != this.place + pending) {
                    flush()
                    this.place = place + done
                }
                convert(bits, used, part, index.last() + done)
                pending += part
                used += part
                done += part
            }
        }
        flush()
    }

    private fun flush() {
        if (pending > 0) sink.put(place, scratch.floats, pending)
        place += pending
        pending = 0
    }

    /**
     * Converts [count] of [bits], starting at [from], to numbers. The first number has the index [index] on the last
     * axis.
     */
    private fun convert(bits: IntArray, from: Int, count: Int, index: Long) {
        val out = scratch.floats
        when {
            steps != null -> steps.multiply(bits, from, count, index, out, pending)
            type == DType.F16 -> Float16.F16.values(bits, from, count, out, pending)
            type == DType.BF16 -> Float16.BF16.values(bits, from, count, out, pending)
            else -> for (k in 0 until count) out[pending + k] = java.lang.Float.intBitsToFloat(bits[from + k])
        }
        if (!areFinite(out, pending, count)) refuse("a value is not finite, or its step code is out of range")
    }

    /**
     * Returns whether all numbers are finite. Adding one to the exponent of a non-finite number carries into the sign.
     */
    private fun areFinite(numbers: FloatArray, from: Int, count: Int): Boolean {
        var carries = 0
        for (k in from until from + count) {
            carries = carries or ((java.lang.Float.floatToRawIntBits(numbers[k]) and EXPONENT) + LEAST_EXPONENT)
        }
        return carries >= 0
    }

    override fun problem(): String? {
        if (steps != null && !steps.areValid()) refuse("a step code, with its offsets, is out of range")
        return super.problem()
    }

    private companion object {
        const val LEAST_EXPONENT = 1 shl 23
        const val EXPONENT = 0xFF * LEAST_EXPONENT
    }
}
