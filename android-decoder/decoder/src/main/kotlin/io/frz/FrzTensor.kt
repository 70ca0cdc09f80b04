package io.frz

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * A rebuilt tensor: its elements in row-major order.
 *
 * @property name the name of the tensor, or the alias under which it was loaded; empty for a factor
 * @property dtype the type of the elements
 * @param buffer the elements, which fill the buffer from index 0 to its capacity
 */
public class FrzTensor internal constructor(
    public val name: String,
    public val dtype: DType,
    shape: LongArray,
    buffer: ByteBuffer
) {
    private val axes = shape
    private val elements = buffer

    /** The axis lengths; empty for a scalar. Each call returns a new array. */
    public val shape: LongArray get() = axes.clone()

    /**
     * The elements, in little-endian order, which is the native order of all Android and nearly all other devices.
     * Each call returns a new view, at position 0, of the same memory: the caller's buffer or a newly allocated direct
     * buffer. Android counts direct buffers against the app's heap limit; other virtual machines keep them outside the
     * heap.
     */
    public val buffer: ByteBuffer get() = elements.duplicate().order(ByteOrder.LITTLE_ENDIAN)

    override fun toString(): String = "$name ${dtype.label} ${axes.joinToString(",", "(", ")")}"
}
