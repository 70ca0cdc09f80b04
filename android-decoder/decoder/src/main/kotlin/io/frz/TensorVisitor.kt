package io.frz

import androidx.annotation.WorkerThread
import java.io.IOException

/** Receives the tensors of a file one by one; see [FrzFile.forEach]. */
public fun interface TensorVisitor {
    /** Called once for each [tensor]. Its buffer is valid until this returns. */
    @Throws(IOException::class)
    @WorkerThread
    public fun visit(tensor: FrzTensor)
}
