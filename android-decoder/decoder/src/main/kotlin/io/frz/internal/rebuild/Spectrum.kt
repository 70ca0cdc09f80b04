package io.frz.internal.rebuild

import io.frz.internal.Request
import io.frz.internal.zigzag.Zigzag

/** After how many entries a request is asked whether it goes on. */
private const val CHECKED = 1 shl 16

/** The first entries of [view] in zigzag order, put at their places in the [box] that contains them. */
internal fun spectrum(view: LongArray, box: LongArray, entries: FloatArray, request: Request): FloatArray {
    val strides = IntArray(box.size)
    var volume = 1
    for (axis in box.indices.reversed()) {
        strides[axis] = volume
        volume *= box[axis].toInt()
    }
    val values = FloatArray(volume)
    var checked = 0
    Zigzag.walk(view, entries.size, strides) { position, count, offset, step ->
        if (position - checked >= CHECKED) {
            request.check()
            checked = position
        }
        for (k in 0 until count) values[offset + k * step] = entries[position + k]
    }
    return values
}
