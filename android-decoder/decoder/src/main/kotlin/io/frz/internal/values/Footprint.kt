package io.frz.internal.values

import io.frz.internal.coder.Coders
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum
import java.util.concurrent.atomic.AtomicReferenceArray

/** Computes the memory that the groups of a file need at [tier]. Results for whole groups are cached. */
internal class Footprint(private val tier: Int, groups: Int) {
    private class Sums(val cores: Long, val working: Long)

    private val sums = AtomicReferenceArray<Sums>(groups)

    /** Returns the memory of the core of tensor [i] of [group], in bytes. */
    fun core(group: Group, i: Int): Long {
        val size = if (group.isExact(i)) group.dtype.bytes else Float.SIZE_BYTES
        return saturatedProduct(size.toLong(), group.extents.values(i, tier, 0))
    }

    /** Returns the memory of all cores of [group], in bytes. */
    fun cores(group: Group): Long = sums(group).cores

    /** Returns the memory needed to read [group], in bytes, excluding its cores. */
    fun working(group: Group): Long = sums(group).working

    private fun sums(group: Group): Sums {
        sums[group.index]?.let { return it }
        var cores = 0L
        var working = Coders.of(group.numbers.coder).workingBytes(group)
        for (i in 0 until group.size) {
            cores = saturatedSum(cores, core(group, i))
            working = saturatedSum(working, StepCodes.bytes(group, i, tier))
        }
        return Sums(cores, working).also { sums.set(group.index, it) }
    }
}
