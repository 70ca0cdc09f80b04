package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Allowance
import io.frz.internal.Limits
import io.frz.internal.directory.Factors

/** What is known about a file before its next group is read, and the memory left for its directory. */
internal class Known(val tiers: Int, val isDelta: Boolean, val allowance: Allowance) {
    val names = Names(allowance)
    val factors = Factors()
    private var tensors = 0

    /** Counts [more] tensors, factors or aliases, and throws if the file has too many. */
    fun count(more: Int, reader: MessageReader) {
        if (more > Limits.TENSORS - tensors) {
            throw reader.fault(ErrorCode.LIMIT, "there are more than ${Limits.TENSORS} tensors, factors and aliases")
        }
        tensors += more
        allowance.take(TENSOR_BYTES * more)
    }

    private companion object {
        /**
         * The memory of a tensor in bytes, excluding its name, shape and counts: a [io.frz.TensorInfo] and references
         * to it.
         */
        const val TENSOR_BYTES = 96L
    }
}
