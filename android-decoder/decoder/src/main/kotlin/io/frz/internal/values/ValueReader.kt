package io.frz.internal.values

import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group

/** Takes the values of one tensor out of the segments of its group. */
internal abstract class ValueReader {
    private var first: String? = null

    /**
     * Reads the values in the segment of [tier], which come next in [stream]: those that this tier adds to tier
     * [before].
     */
    abstract fun read(stream: ValueStream, before: Int, tier: Int)

    /** Records that a value is invalid. Reading continues, for the sake of other tensors in the segment. */
    protected fun refuse(problem: String) {
        if (first == null) first = problem
    }

    /** Once all segments have been read: the value that is invalid, or null. */
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
