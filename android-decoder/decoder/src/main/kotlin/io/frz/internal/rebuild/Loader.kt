package io.frz.internal.rebuild

import io.frz.FrzOptions
import io.frz.TensorInfo
import io.frz.internal.Budget
import io.frz.internal.Request
import io.frz.internal.Workers
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import io.frz.internal.saturatedProduct
import io.frz.internal.saturatedSum
import io.frz.internal.values.Base
import io.frz.internal.values.Contents
import java.nio.ByteBuffer

/**
 * Processes requests for the [tensors] of a file: first checks the memory and libraries that they need, then decodes
 * groups.
 */
internal class Loader(
    private val container: Container,
    private val tensors: List<TensorInfo>,
    base: Base?,
    options: FrzOptions
) {
    private val groups = container.directory.groups
    private val budget = Budget(options.memoryBudget)
    private val contents = Contents(container, base, budget)
    private val workers = Workers(options.threads, options.helpers ?: Workers.SHARED)
    private val synthesis = Synthesis(container.directory.factors, contents, budget, workers)

    /** Rebuilds one tensor in [target] or, if that is null, in new memory. */
    fun load(info: TensorInfo, target: ByteBuffer?, request: Request): ByteBuffer {
        val group = info.record
        val i = info.index
        val reserved = if (target == null) info.bytes else 0
        prepare(group, i, reserved)
        val memory = target ?: Budget.allocate(info.bytes, info.name)
        if (contents.isRemembered(group, reserved) || !contents.isDirect(group, i)) {
            val core = contents.core(group, i, reserved, request)
            synthesis.rebuild(group, i, core, memory, reserved, request)
        } else {
            contents.elements(group, i, memory, reserved, request)
        }
        return memory
    }

    /** Rebuilds all tensors, each in new memory, and passes each with its memory to [deliver]. */
    fun loadAll(request: Request, deliver: (info: TensorInfo, memory: ByteBuffer) -> Unit) {
        val reserved = tensors.fold(0L) { sum, info -> saturatedSum(sum, info.bytes) }
        forEach(reserved, request, { Budget.allocate(it.bytes, it.name) }, deliver)
    }

    /** Rebuilds all tensors one after the other in the same memory, and passes each to [deliver]. */
    fun forEach(request: Request, deliver: (info: TensorInfo, memory: ByteBuffer) -> Unit) {
        val largest = tensors.maxByOrNull { it.bytes }
        val memory by lazy { Budget.allocate(largest?.bytes ?: 0, largest?.name) }
        forEach(largest?.bytes ?: 0, request, { info -> memory.apply { clear().limit(info.bytes.toInt()) } }, deliver)
    }

    /**
     * Rebuilds each tensor in the memory that [allocate] provides for it, and passes it to [deliver]. In total, that
     * memory takes [reserved] bytes of the budget.
     */
    fun forEach(
        reserved: Long,
        request: Request,
        allocate: (info: TensorInfo) -> ByteBuffer?,
        deliver: (info: TensorInfo, memory: ByteBuffer) -> Unit
    ) {
        for (info in tensors) prepare(info.record, info.index, reserved)
        for (group in groups) {
            if (group.isFactors) continue
            contents.visit(group, reserved, request, { i -> allocate(info(group, i)) }) { i, core, memory, held ->
                if (core != null) synthesis.rebuild(group, i, core, memory, held, request)
                deliver(info(group, i), memory)
            }
        }
    }

    private fun info(group: Group, i: Int) = tensors[group.first + i]

    /** Decodes everything without rebuilding it. */
    fun verify(request: Request) {
        for (group in groups) for (i in 0 until group.size) contents.requireInstalled(group, i)
        for (group in groups) contents.check(group, request)
    }

    /**
     * Returns the canonical values of tensor [i] of [group] in new memory, in little-endian order, for a request that
     * already uses [held] bytes.
     */
    fun core(group: Group, i: Int, held: Long, request: Request): ByteBuffer {
        val bytes = contents.footprint.core(group, i)
        contents.requireInstalled(group, i)
        budget.require(saturatedSum(held, saturatedProduct(2, bytes)), group.name(i))
        val core = contents.core(group, i, saturatedSum(held, bytes), request)
        val memory = Budget.allocate(bytes, group.name(i))
        if (core.isExact) memory.put(core.elements()).rewind() else memory.asFloatBuffer().put(core.floats())
        return memory
    }

    /** Returns the core of [info] and the rows of its [factors] that it uses, back to back in a new buffer. */
    fun coefficients(info: TensorInfo, factors: List<TensorInfo>, request: Request): ByteBuffer {
        if (factors.isEmpty()) return core(info.record, info.index, 0, request)
        val bytes = info.coefficients * Float.SIZE_BYTES
        val parts = factors + info
        val most = parts.maxOf { contents.footprint.core(it.record, it.index) }
        for (part in parts) contents.requireInstalled(part.record, part.index)
        budget.require(saturatedSum(bytes, saturatedProduct(2, most)), info.name)
        val memory = Budget.allocate(bytes, info.name)
        memory.put(core(info.record, info.index, bytes, request))
        val ranks = info.form!!.drop(info.shape.size).filter { it != 0L }
        for ((factor, rank) in factors.zip(ranks)) {
            val rows = core(factor.record, factor.index, bytes, request)
            rows.limit((-rank * factor.shape[1]).toInt() * Float.SIZE_BYTES)
            memory.put(rows)
        }
        memory.rewind()
        return memory
    }

    /** Throws if tensor [i] of [group] needs more memory than the budget allows, or a library that is not installed. */
    private fun prepare(group: Group, i: Int, reserved: Long) {
        contents.requireInstalled(group, i)
        for (factor in synthesis.factorsOf(group, i)) contents.requireInstalled(factor, 0)
        val core = if (contents.isDirect(group, i)) 0 else contents.footprint.core(group, i)
        budget.require(saturatedSum(reserved, core), group.name(i))
    }
}
