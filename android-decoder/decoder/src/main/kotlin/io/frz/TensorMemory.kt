package io.frz

import java.nio.ByteBuffer

/**
 * Gives memory to rebuild tensors in; see [FrzFile.forEach]. On Android, where direct buffers count against the app's
 * heap limit, a mapped file does not.
 */
public fun interface TensorMemory {
    /**
     * Memory for the tensor [info], which is rebuilt from the position of the buffer on, little-endian. At least
     * [TensorInfo.bytes] bytes have to remain there. The tensors visited before are the caller's to keep or overwrite.
     * Null leaves the tensor out: it is checked, but neither rebuilt nor visited.
     */
    public fun memory(info: TensorInfo): ByteBuffer?
}
