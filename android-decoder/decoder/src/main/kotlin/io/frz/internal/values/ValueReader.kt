package io.frz.internal.values

import io.frz.internal.coder.Run
import io.frz.internal.coder.ValueStream
import io.frz.internal.directory.Group

/** Reads the values of one tensor from the segments of its group. */
internal abstract class ValueReader {
    private var first: String? = null

    /** Whether this reader needs the values. */
    open val looks: Boolean get() = true

    /** Reads from [stream] the values that the segment of [tier] adds to those of tier [before]. */
    abstract fun read(stream: ValueStream, before: Int, tier: Int)

    /** Records that a value is invalid and why. Reading continues, because other tensors can still be valid. */
    fun refuse(problem: String) {
        if (first == null) first = problem
    }

    /**
     * Returns what is wrong with a value, or null if all are valid. Must be called after all segments have been read.
     */
    open fun problem(): String? = first
}

/** Skips the values of tensor [i] of [group]. */
internal class PassingReader(private val group: Group, private val i: Int, private val scratch: Scratch) :
    ValueReader() {
    override val looks: Boolean get() = false

    override fun read(stream: ValueStream, before: Int, tier: Int) {
        for (run in Run.of(group, i, tier)) {
            stream.start(run)
            if (!stream.skip(run.count)) scratch.pass(stream, run.count, group.valueType.bytes)
        }
    }
}
