package io.frz.internal.coding

import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.container.Container
import io.frz.internal.container.Group
import java.nio.ByteBuffer

/**
 * What is wanted of a tensor.
 *
 * @property memory to be filled from position to limit
 * @property start the byte of the tensor to begin with; not 0 only for some of the elements of a `raw` one
 */
internal class Wanted(val memory: ByteBuffer, val start: Long)

/** What decoders work on and with. */
internal class Session(val container: Container, val budget: Budget, val workers: Workers)

/** One coding: how the segments of a group become its tensors. */
internal interface GroupDecoder {
    /** The memory that decoding [group] takes before the first tensor is rebuilt. */
    fun workingBytes(group: Group): Long

    /** Decodes all of [group], in order, into memory that [sink] gives. */
    fun decode(group: Group, sink: TensorSink)
}

/**
 * Gives memory for the tensors of a group and takes them back filled.
 *
 * @property request for whom they are decoded
 * @property reserved the memory set aside for tensors, which counts toward the request's budget
 * @property want says what is wanted of a tensor, and where; null if it is only to be checked
 * @property deliver takes note that the memory for a tensor is filled
 */
internal class TensorSink(
    val request: Request,
    val reserved: Long,
    val want: (index: Int) -> Wanted?,
    val deliver: (index: Int) -> Unit
)
