package io.frz.internal.values

import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group

/** Reads the values of one tensor from the segments of its group. */
internal abstract class ValueReader {
    private var first: String? = null

    /** Reads from [stream] the values that the segment of [tier] adds to those of [before]. */
    abstract fun read(stream: ValueStream, before: Int, tier: Int)

    /** Records an invalid value. Reading continues, for the sake of the other tensors. */
    protected fun refuse(problem: String) {
        if (first == null) first = problem
    }

    /** What is wrong with a value, once all segments have been read; null if nothing is. */
    open fun problem(): String? = first
}

/** Skips the values of tensor [i] of [group]. */
internal class PassingReader(private val group: Group, private val i: Int, private val scratch: Scratch) :
    ValueReader() {
    override fun read(stream: ValueStream, before: Int, tier: Int) {
        for (run in Run.of(group, i, tier)) {
            stream.start(run)
            if (!stream.skip(run.count)) scratch.pass(stream, run.count, group.valueType.bytes)
        }
    }
}
