package io.frz

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
