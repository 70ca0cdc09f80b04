package io.frz.internal.values

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.coder.Coders
import io.frz.internal.coder.ValueStream
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import io.frz.internal.saturatedSum
import java.nio.ByteBuffer

/**
 * The decoded contents of a file at one tier. Small groups are cached, because requests often need several of their
 * tensors.
 */
internal class Contents(private val container: Container, private val base: Base?, private val budget: Budget) {
    val tier: Int = container.tier
    val footprint = Footprint(tier, container.directory.groups.size)
    private val groups = GroupReader(container, base)
    private val remembered = Remembered.within<Array<Core>>(budget)

    /**
     * Returns whether the elements of tensor [i] of [group] are the values of its core, so that no basis is applied.
     */
    fun isDirect(group: Group, i: Int): Boolean =
        !group.isFactors && group.extents.kept == null && group.axes.isIdentity(i)

    /** Checks that the library that decodes tensor [i] of [group] is installed, and that its base is open. */
    fun requireInstalled(group: Group, i: Int) {
        val name = group.name(i)
        Coders.of(group.numbers.coder).requireInstalled(name)
        if (!group.numbers.isDelta) return
        if (base == null) {
            throw FrzException(ErrorCode.BASE, "the tensor needs a base; open the file with its base", name)
        }
        base.requireInstalled(name.orEmpty())
    }

    /** Returns whether [group] is cached, or will be if decoded by a request that already uses [held] bytes. */
    fun isRemembered(group: Group, held: Long): Boolean = when {
        remembered[group] != null -> true
        group.size == 1 && isDirect(group, 0) -> false
        else -> footprint.cores(group).let { it <= remembered.most && budget.allows(needed(group, it, held)) }
    }

    /** Returns the core of tensor [i] of [group], for a request that already uses [held] bytes. */
    fun core(group: Group, i: Int, held: Long, request: Request): Core {
        val core = if (isRemembered(group, held)) remembered(group, held, request)[i] else only(group, i, held, request)
        return core.checked(group.name(i))
    }

    private fun remembered(group: Group, held: Long, request: Request): Array<Core> =
        remembered[group] ?: all(group, held, request).also { remembered.put(group, it, footprint.cores(group)) }

    /**
     * Reads all tensors of [group] in order. A tensor for which [target] returns null is only checked. For all others,
     * calls [visit] with the memory and, unless it already contains the elements, with the core. Also passes it the
     * number of bytes that the request uses at that moment, excluding the core.
     */
    fun visit(
        group: Group,
        held: Long,
        request: Request,
        target: (i: Int) -> ByteBuffer?,
        visit: (i: Int, core: Core?, memory: ByteBuffer, held: Long) -> Unit
    ) {
        when {
            isRemembered(group, held) -> visit(group, remembered(group, held, request), target) { i, core, memory ->
                visit(i, core, memory, held)
            }

            group.size == 1 || group.usedTiers(tier).count() == 1 -> visitInOrder(group, held, request, target, visit)

            else -> visit(group, all(group, held, request), target) { i, core, memory ->
                visit(i, core, memory, saturatedSum(held, footprint.cores(group) - footprint.core(group, i)))
            }
        }
    }

    private fun visit(
        group: Group,
        cores: Array<Core>,
        target: (i: Int) -> ByteBuffer?,
        visit: (i: Int, core: Core, memory: ByteBuffer) -> Unit
    ) = cores.forEachIndexed { i, core ->
        val memory = target(i)
        core.checked(group.name(i))
        if (memory != null) visit(i, core, memory)
    }

    /** Reads a group of one tensor or one segment. Visits nothing until the segment has been checked. */
    private fun visitInOrder(
        group: Group,
        held: Long,
        request: Request,
        target: (i: Int) -> ByteBuffer?,
        visit: (i: Int, core: Core?, memory: ByteBuffer, held: Long) -> Unit
    ) {
        if (group.size > 1) check(group, request)
        // Several tensors are visited while the group is still being decoded.
        val visiting = if (group.size > 1) needed(group, 0, held) else held
        val scratch = Scratch(request, group.numbers.mostCount)
        fun start(i: Int): Reading {
            val memory = target(i)
            val isDirect = memory == null || isDirect(group, i)
            require(group, if (isDirect) 0 else footprint.core(group, i), held)
            if (isDirect) return Reading(reader(group, i, memory, scratch), null, memory)
            return CoreTarget(i, group, scratch).let { Reading(it.reader, it.core(), memory) }
        }
        fun end(i: Int, reading: Reading) {
            Core.check(reading.reader.problem(), group.name(i))
            reading.memory?.let { visit(i, reading.core, it, visiting) }
        }
        if (group.size == 1) {
            val reading = start(0)
            groups.readAll(group, request) { reading.reader }
            return end(0, reading)
        }
        groups.readAll(group, request) { i ->
            object : ValueReader() {
                override fun read(stream: ValueStream, before: Int, tier: Int) {
                    val reading = start(i)
                    reading.reader.read(stream, before, tier)
                    end(i, reading)
                }
            }
        }
    }

    /** Returns all cores of [group]. */
    fun all(group: Group, held: Long, request: Request): Array<Core> {
        require(group, footprint.cores(group), held)
        val scratch = Scratch(request, group.numbers.mostCount)
        val targets = Array(group.size) { CoreTarget(it, group, scratch) }
        groups.readAll(group, request) { targets[it].reader }
        return Array(group.size) { targets[it].core() }
    }

    private fun only(group: Group, i: Int, held: Long, request: Request): Core {
        require(group, footprint.core(group, i), held)
        val scratch = Scratch(request, group.numbers.mostCount)
        val target = CoreTarget(i, group, scratch)
        groups.readUntil(i, group, request) { if (it == i) target.reader else PassingReader(group, it, scratch) }
        return target.core()
    }

    /** Reads the elements of tensor [i] of [group] into [memory]; requires that [isDirect] is true for the tensor. */
    fun elements(group: Group, i: Int, memory: ByteBuffer, held: Long, request: Request) {
        require(group, 0, held)
        val scratch = Scratch(request, group.numbers.mostCount)
        val reader = reader(group, i, memory, scratch)
        groups.readUntil(i, group, request) { if (it == i) reader else PassingReader(group, it, scratch) }
        Core.check(reader.problem(), group.name(i))
    }

    /** Checks all values of [group]. */
    fun check(group: Group, request: Request) {
        require(group, 0, 0)
        val scratch = Scratch(request, group.numbers.mostCount)
        val readers = Array(group.size) { reader(group, it, null, scratch) }
        groups.readAll(group, request) { readers[it] }
        for (i in 0 until group.size) Core.check(readers[i].problem(), group.name(i))
    }

    private fun require(group: Group, bytes: Long, held: Long) {
        budget.require(needed(group, bytes, held), group.name(0))
    }

    private fun needed(group: Group, bytes: Long, held: Long) =
        saturatedSum(saturatedSum(held, baseBytes(group)), saturatedSum(bytes, footprint.working(group)))

    private fun baseBytes(group: Group): Long = if (base == null || !group.numbers.isDelta) 0 else base.bytes(group)

    /** Returns a reader of tensor [i] that writes its elements to [memory] or, if that is null, only checks them. */
    private fun reader(group: Group, i: Int, memory: ByteBuffer?, scratch: Scratch): ValueReader {
        val places = when {
            group.extents.kept != null -> Places.ofPrefix { group.extents.kept(i, it) }
            memory == null -> Places.ofCorner(group, i, tier, group.extents.corner(i, tier))
            else -> Places.ofCorner(group, i, tier, group.axes.views[i])
        }
        if (memory != null && !places.areWhole(tier)) Zeros.fill(memory, scratch.request)
        if (group.isExact(i)) return ElementReader(group, i, places, memory, scratch)
        val sink = if (memory == null) NumberSink.NOWHERE else NumberSink.of(group.dtype, memory)
        return NumberReader(group, i, tier, places, sink, scratch)
    }

    /** A tensor being read: into its [core] or directly into [memory]; if both are null, it is only checked. */
    private class Reading(val reader: ValueReader, val core: Core?, val memory: ByteBuffer?)

    /** The core of tensor [i] while it is being read. */
    private inner class CoreTarget(i: Int, group: Group, scratch: Scratch) {
        private val core: Core
        val reader: ValueReader

        init {
            val extents = group.extents
            val name = group.name(i)
            val places = if (extents.kept != null) {
                Places.ofPrefix { extents.kept(i, it) }
            } else {
                Places.ofCorner(group, i, tier, extents.corner(i, tier))
            }
            val bytes = footprint.core(group, i)
            if (group.isExact(i)) {
                Budget.requireArray(bytes, "bytes", name)
                val elements = Budget.allocating(bytes, name) { ByteBuffer.allocate(bytes.toInt()) }
                core = Core(elements)
                reader = ElementReader(group, i, places, elements, scratch)
            } else {
                val count = bytes / Float.SIZE_BYTES
                Budget.requireArray(count, "values", name)
                val floats = Budget.allocating(bytes, name) { FloatArray(count.toInt()) }
                core = Core(floats)
                reader = NumberReader(group, i, tier, places, NumberSink.of(floats), scratch)
            }
        }

        fun core(): Core = core.apply { problem = reader.problem() }
    }
}
