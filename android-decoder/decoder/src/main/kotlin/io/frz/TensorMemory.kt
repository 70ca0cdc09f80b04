package io.frz

import io.frz.internal.quote
import java.nio.ByteBuffer

/**
 * Supplies the memory in which tensors are rebuilt; see [FrzFile.forEach]. On Android, direct buffers count against the
 * app's heap limit; memory-mapped files do not.
 */
public fun interface TensorMemory {
    /**
     * Returns the buffer for the tensor [info], whose elements are written at the buffer's position, in little-endian
     * order. At least [TensorInfo.bytes] bytes must remain in the buffer. It can be a new buffer or one that contains a
     * tensor already visited. If this returns null, the tensor is checked, but neither rebuilt nor visited.
     */
    public fun memory(info: TensorInfo): ByteBuffer?
}

/** Returns the part of [target] that the tensor [info] will fill. */
internal fun portion(target: ByteBuffer, info: TensorInfo): ByteBuffer {
    require(!target.isReadOnly) { "the buffer for tensor ${quote(info.name)} is read-only" }
    require(target.remaining() >= info.bytes) {
        "tensor ${quote(info.name)} needs ${info.bytes} bytes, but the buffer has room for ${target.remaining()}"
    }
    val memory = target.duplicate()
    memory.limit(memory.position() + info.bytes.toInt())
    return memory
}
