package io.frz

import java.nio.ByteBuffer

/**
 * Provides memory in which to rebuild tensors; see [FrzFile.forEach]. On Android, direct buffers count against the
 * app's heap limit, but mapped files do not.
 */
public fun interface TensorMemory {
    /**
     * Memory for the tensor [info], which is rebuilt from the position of the buffer on, little-endian. At least
     * [TensorInfo.bytes] bytes must remain there. The caller may keep or overwrite the tensors visited before. Null
     * skips the tensor: it is checked, but neither rebuilt nor visited.
     */
    public fun memory(info: TensorInfo): ByteBuffer?
}
