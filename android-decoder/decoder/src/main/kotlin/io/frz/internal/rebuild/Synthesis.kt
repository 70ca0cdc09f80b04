package io.frz.internal.rebuild

import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.bases.Bases
import io.frz.internal.bases.BasisArguments
import io.frz.internal.directory.Factors
import io.frz.internal.directory.Group
import io.frz.internal.elementCount
import io.frz.internal.saturatedSum
import io.frz.internal.values.Contents
import io.frz.internal.values.Core
import io.frz.internal.values.Zeros
import io.frz.internal.zigzag.Box
import java.nio.ByteBuffer

/**
 * Rebuilds tensors from their cores: obtains their bases and multiplies by them; see section 8 of the specification.
 */
internal class Synthesis(
    private val factors: Factors,
    private val contents: Contents,
    private val budget: Budget,
    private val workers: Workers
) {
    /** Returns the groups of the factors that tensor [i] of [group] uses. */
    fun factorsOf(group: Group, i: Int): List<Group> =
        group.axes.factors?.get(i)?.map { factors.group(it.toInt()) }.orEmpty()

    /** Fills [memory] with tensor [i] of [group], for a request that already uses [held] bytes. */
    fun rebuild(group: Group, i: Int, core: Core, memory: ByteBuffer, held: Long, request: Request) {
        val extents = group.extents
        val view = group.axes.views[i]
        val kept = if (extents.kept == null) null else extents.kept(i, contents.tier)
        val box = if (kept == null) extents.corner(i, contents.tier) else Box(view).of(kept)
        val arguments = Arguments(group, i, saturatedSum(held, contents.footprint.core(group, i)), request)
        val all = view.indices.map { j ->
            Axis(view[j].toInt(), box[j].toInt(), Bases.of(group.axes.kind(j)).basis(view[j].toInt(), arguments))
        }
        if (elementCount(view) == 0L) return
        if (elementCount(box) == 0L) return Zeros.fill(memory, request)
        val axes = Axis.joined(all)
        val isPlaced = axes.all { it.basis == null }
        when {
            isPlaced && kept == null -> Placement(core, group.dtype, memory).corner(axes, request)

            isPlaced -> Placement(core, group.dtype, memory).prefix(view, checkNotNull(kept), request)

            Products.make(axes) -> {
                budget.require(saturatedSum(arguments.held, Products.workingBytes(axes)), group.name(i))
                Products(axes, core.floats(), group.dtype).into(memory, workers, request)
            }

            else -> contract(axes, group, i, arguments.held) { contraction ->
                val values = if (kept == null) core.floats() else spectrum(view, box, core.floats(), request)
                contraction.into(values, memory, request)
            }
        }
    }

    private inline fun contract(axes: List<Axis>, group: Group, i: Int, held: Long, work: (Contraction) -> Unit) {
        val contraction = Contraction(axes, group.dtype, group.name(i), workers)
        val isSpectrum = group.extents.kept != null
        val spectrum = if (isSpectrum) axes.fold(Float.SIZE_BYTES.toLong()) { bytes, axis -> bytes * axis.terms } else 0
        budget.require(saturatedSum(held, saturatedSum(spectrum, contraction.workingBytes)), group.name(i))
        work(contraction)
    }

    /** The data for the bases of tensor [i] of [group], for a request that already uses [held] bytes. */
    private inner class Arguments(
        private val group: Group,
        private val i: Int,
        var held: Long,
        private val request: Request
    ) : BasisArguments {
        private var nextFactor = 0
        private var nextSeed = 0

        override fun factor(): FloatArray {
            val number = checkNotNull(group.axes.factors).number(i, nextFactor++).toInt()
            val factorGroup = factors.group(number)
            val index = number - factorGroup.first
            val factor = contents.core(factorGroup, index, held, request).floats()
            held = saturatedSum(held, contents.footprint.core(factorGroup, index))
            return factor
        }

        override fun seed(): Long = checkNotNull(group.axes.seeds).number(i, nextSeed++)
    }
}
