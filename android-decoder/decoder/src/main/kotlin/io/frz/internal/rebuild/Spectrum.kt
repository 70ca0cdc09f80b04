package io.frz.internal.rebuild

import io.frz.internal.Request
import io.frz.internal.zigzag.Zigzag

/** Returns the first entries of [view], given in zigzag order, arranged in the [box] that contains them. */
internal fun spectrum(view: LongArray, box: LongArray, entries: FloatArray, request: Request): FloatArray {
    val strides = IntArray(box.size)
    var volume = 1
    for (axis in box.indices.reversed()) {
        strides[axis] = volume
        volume *= box[axis].toInt()
    }
    val values = FloatArray(volume)
    val runs = Runs(entries, values)
    var checked = 0
    Zigzag.walk(view, entries.size, strides) { position, count, offset, step ->
        if (position - checked >= CHECKED) {
            request.check()
            checked = position
        }
        runs.add(position, count, offset, step)
    }
    runs.flush()
    return values
}

/** The number of entries between checks of the request. */
private const val CHECKED = 1 shl 16

/**
 * Copies runs of [entries] to evenly spaced places in [values]. Adjacent diagonals are side by side in memory, so long
 * runs are collected first and then copied together, piece by piece, while their cache lines are still in the cache.
 */
private class Runs(private val entries: FloatArray, private val values: FloatArray) {
    private val positions = IntArray(MOST)
    private val counts = IntArray(MOST)
    private val offsets = IntArray(MOST)
    private val steps = IntArray(MOST)
    private var size = 0

    fun add(position: Int, count: Int, offset: Int, step: Int) {
        if (count < LONG) return copy(position, count, offset, step)
        positions[size] = position
        counts[size] = count
        offsets[size] = offset
        steps[size] = step
        if (++size == MOST) flush()
    }

    fun flush() {
        var longest = 0
        for (run in 0 until size) longest = maxOf(longest, counts[run])
        for (start in 0 until longest step PIECE) {
            for (run in 0 until size) {
                val count = minOf(PIECE, counts[run] - start)
                copy(positions[run] + start, count, offsets[run] + start * steps[run], steps[run])
            }
        }
        size = 0
    }

    private fun copy(position: Int, count: Int, offset: Int, step: Int) {
        for (k in 0 until count) values[offset + k * step] = entries[position + k]
    }

    private companion object {
        const val MOST = 32
        const val PIECE = 32

        /** Runs shorter than this are copied immediately. */
        const val LONG = 64
    }
}
