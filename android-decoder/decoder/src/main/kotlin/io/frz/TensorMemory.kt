package io.frz

import java.nio.ByteBuffer

/**
 * Supplies the memory in which tensors are rebuilt; see [FrzFile.forEach]. On Android, direct buffers count against the
 * app's heap limit; a mapped file does not.
 */
public fun interface TensorMemory {
    /**
     * Returns the buffer for the tensor [info], which is rebuilt at the buffer's position, little-endian. At least
     * [TensorInfo.bytes] bytes must remain. The caller may keep or overwrite the tensors visited before. If this
     * returns null, the tensor is checked, but neither rebuilt nor visited.
     */
    public fun memory(info: TensorInfo): ByteBuffer?
}
