package io.frz.internal.values

import io.frz.internal.Budget
import io.frz.internal.Limits
import io.frz.internal.Request
import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group

/**
 * The quantization steps of one tensor's entries. The code of each step is the tensor's step code plus the offsets of
 * all axes that have offsets.
 *
 * @param heads the first axis of the view for each merged axis; see [Places]
 */
internal class StepCodes(
    private val group: Group,
    private val i: Int,
    private val tier: Int,
    private val code: Int,
    private val heads: IntArray
) {
    private val offsets: Array<IntArray?> = Array(heads.size) { at ->
        val axis = heads[at]
        if (hasOffsets(group, i, axis)) offsets(group.extents.corner(i, tier, axis)) else null
    }
    private var line = 0L

    private fun offsets(count: Long): IntArray {
        Budget.requireArray(count, "step offsets", group.name(i))
        return Budget.allocating(Int.SIZE_BYTES * count, group.name(i)) { IntArray(count.toInt()) }
    }

    /** Reads the offsets of a [run]. */
    fun read(stream: ValueStream, run: Run, before: Int, tier: Int, request: Request) {
        val axis = checkNotNull(run.axis)
        val target = checkNotNull(offsets[heads.indexOf(axis)])
        var at = if (before == Places.NONE) 0 else group.extents.corner(i, before, axis).toInt()
        val end = group.extents.corner(i, tier, axis).toInt()
        while (at < end) {
            request.check()
            val count = minOf(end - at, Scratch.NUMBERS)
            stream.read(target, at, count)
            at += count
        }
    }

    /** Starts the line that begins at [index]. */
    fun startLine(index: LongArray) {
        line = code.toLong()
        for (at in 0 until index.size - 1) offsets[at]?.let { line += it[index[at].toInt()] }
    }

    /**
     * Dequantizes [count] of [integers], starting at [from], and writes the results to [out], starting at [to]. The
     * first integer has the index [index] on the last axis. Entries without a valid step become NaN.
     */
    fun multiply(integers: IntArray, from: Int, count: Int, index: Long, out: FloatArray, to: Int) {
        val last = offsets.last()
        if (last == null) {
            val step = Steps.size(line)
            for (k in 0 until count) out[to + k] = (integers[from + k] * step).toFloat()
        } else {
            val first = index.toInt()
            for (k in 0 until count) out[to + k] = (integers[from + k] * Steps.size(line + last[first + k])).toFloat()
        }
    }

    /** Returns whether adding the offsets to the step code yields a valid step code for every entry of the core. */
    fun areValid(): Boolean {
        val corner = if (offsets.all { it == null }) LongArray(0) else group.extents.corner(i, tier)
        if (0L in corner) return true
        val least = offsets.fold(code.toLong()) { sum, each -> sum + (each?.minOrNull() ?: 0) }
        val most = offsets.fold(code.toLong()) { sum, each -> sum + (each?.maxOrNull() ?: 0) }
        return least >= Limits.STEP_MIN && most <= Limits.STEP_MAX
    }

    companion object {
        private fun hasOffsets(group: Group, i: Int, axis: Int) =
            group.numbers.hasOffsets(axis) && axis < group.axes.views.length(i)

        /** Returns the memory of the offsets of tensor [i] of [group] at [tier], in bytes. */
        fun bytes(group: Group, i: Int, tier: Int): Long {
            if (group.numbers.offsets == 0) return 0
            return (0 until group.axes.views.length(i)).filter { hasOffsets(group, i, it) }
                .fold(0L) { sum, axis -> sum + Int.SIZE_BYTES * group.extents.corner(i, tier, axis) }
        }
    }
}
