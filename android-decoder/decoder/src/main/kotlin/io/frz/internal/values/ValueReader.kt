package io.frz.internal.values

import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group

/** Takes the values of one tensor out of the segments of its group. */
internal abstract class ValueReader {
    private var first: String? = null

    /** Takes those of the segment of [tier], which come next in [stream]; those that it adds to [before] are there. */
    abstract fun read(stream: ValueStream, before: Int, tier: Int)

    /** Takes note that a value is not allowed. The segment is read on, for the sake of other tensors. */
    protected fun refuse(problem: String) {
        if (first == null) first = problem
    }

    /** What is not allowed, once all segments have been read, or null. */
    open fun problem(): String? = first
}

/** Passes over the values of tensor [i] of [group]. */
internal class PassingReader(private val group: Group, private val i: Int, private val scratch: Scratch) :
    ValueReader() {
    override fun read(stream: ValueStream, before: Int, tier: Int) {
        for (run in Run.of(group, i, tier)) {
            stream.start(run)
            if (!stream.skip(run.count)) scratch.pass(stream, run.count, group.valueType.bytes)
        }
    }
}
