package io.frz.internal.rebuild

import io.frz.BasisKind
import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.container.Factors
import io.frz.internal.container.Group
import io.frz.internal.dct.Zigzag
import io.frz.internal.saturatedSum
import io.frz.internal.values.Contents
import io.frz.internal.values.Core
import java.nio.ByteBuffer

/** Makes tensors of their cores: gets what their bases need, and multiplies. */
internal class Synthesis(
    private val factors: Factors,
    private val contents: Contents,
    private val budget: Budget,
    private val workers: Workers
) {
    /** The groups of the factors that tensor [i] of [group] uses. */
    fun factorsOf(group: Group, i: Int): List<Group> =
        group.axes.factors?.get(i)?.map { factors.group(it.toInt()) }.orEmpty()

    /** Fills [memory] with the elements of tensor [i] of [group], for a request that takes [held] bytes else. */
    fun rebuild(group: Group, i: Int, core: Core, memory: ByteBuffer, held: Long, request: Request) {
        val view = group.axes.views[i]
        val tier = contents.tier
        val kept = group.extents.kept
        val box = if (kept == null) group.extents.corner(i, tier) else Zigzag.box(view, group.extents.kept(i, tier))
        var used = saturatedSum(held, contents.bytes(group, i))
        var nextFactor = 0
        var nextSeed = 0
        val axes = view.indices.map { j ->
            when (group.axes.kind(j)) {
                BasisKind.STORED -> {
                    val number = checkNotNull(group.axes.factors).number(i, nextFactor++).toInt()
                    val factorGroup = factors.group(number)
                    val index = number - factorGroup.first
                    val factor = contents.core(factorGroup, index, used, request).floats()
                    used = saturatedSum(used, contents.bytes(factorGroup, index))
                    Axis.Stored(view[j].toInt(), box[j].toInt(), factor)
                }

                BasisKind.SEEDED ->
                    Axis.Seeded(view[j].toInt(), box[j].toInt(), checkNotNull(group.axes.seeds).number(i, nextSeed++))

                BasisKind.DCT -> Axis.Dct(view[j].toInt(), box[j].toInt())

                BasisKind.IDENTITY -> Axis.Identity(view[j].toInt(), box[j].toInt())
            }
        }
        Naive(view, box, axes, core, if (kept == null) -1 else group.extents.kept(i, tier), group, budget, used).into(memory, request)
    }
}
