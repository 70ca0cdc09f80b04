package io.frz.internal

import io.frz.Coding
import io.frz.FrzOptions
import io.frz.TensorInfo
import io.frz.internal.coder.Coders
import io.frz.internal.coding.DctDecoder
import io.frz.internal.coding.RawDecoder
import io.frz.internal.coding.Session
import io.frz.internal.coding.TensorSink
import io.frz.internal.container.Container
import io.frz.internal.container.Group
import java.nio.ByteBuffer

/** Carries out requests for the tensors of a file: what is needed is made sure of first, then groups are decoded. */
internal class Loader(container: Container, options: FrzOptions) {
    private val budget = Budget(options.memoryBudget)
    private val session = Session(container, budget, Workers(options.threads))
    private val groups = container.directory.groups

    private val dct = DctDecoder(session)

    /** The decoders of all codings; a new coding is one more entry here. */
    private val decoders = mapOf(Coding.RAW to RawDecoder(session), Coding.DCT to dct)

    /** Decodes one tensor into [target], or into memory of its own. */
    fun load(info: TensorInfo, target: ByteBuffer?): ByteBuffer {
        val reserved = if (target == null) info.bytes else 0
        prepare(info.record, reserved, info.name)
        val memory = target ?: Budget.allocate(info.bytes, info.name)
        decode(info.record, reserved, { index -> memory.takeIf { index == info.index } }) {}
        return memory
    }

    /** Decodes all tensors into memory of their own, and calls [deliver] with each group, its index and the memory. */
    fun loadAll(deliver: (group: Group, index: Int, memory: ByteBuffer) -> Unit) {
        val reserved = groups.fold(0L) { sum, group -> saturatedSum(sum, group.bytes) }
        for (group in groups) prepare(group, reserved, group.names.first())
        for (group in groups) {
            lateinit var memory: ByteBuffer
            val allocate = { i: Int -> Budget.allocate(group.bytes(i), group.names[i]).also { memory = it } }
            decode(group, reserved, allocate) { deliver(group, it, memory) }
        }
    }

    /** Decodes all tensors one after the other into the same memory, and calls [deliver] while each is there. */
    fun forEach(deliver: (group: Group, index: Int, memory: ByteBuffer) -> Unit) {
        val largest = groups.maxOfOrNull { group -> group.elements.indices.maxOf { group.bytes(it) } } ?: 0
        val memory by lazy { Budget.allocate(largest, null) }
        forEach(largest, { group, index -> memory.apply { clear().limit(group.bytes(index).toInt()) } }, deliver)
    }

    /** Decodes all tensors into what [allocate] gives for each, of [reserved] bytes, and calls [deliver] with it. */
    fun forEach(
        reserved: Long,
        allocate: (group: Group, index: Int) -> ByteBuffer,
        deliver: (group: Group, index: Int, memory: ByteBuffer) -> Unit
    ) {
        for (group in groups) prepare(group, reserved, group.names.first())
        for (group in groups) {
            lateinit var memory: ByteBuffer
            decode(group, reserved, { i -> allocate(group, i).also { memory = it } }) { deliver(group, it, memory) }
        }
    }

    /** Decodes everything without rebuilding it. */
    fun verify() {
        for (group in groups) prepare(group, 0, group.names.first())
        for (group in groups) decode(group, 0, { null }) {}
    }

    /** The canonical coefficients of a `dct` tensor. */
    fun coefficients(info: TensorInfo): FloatArray {
        prepare(info.record, 4L * info.kept, info.name)
        return dct.coefficients(info.record)[info.index].clone()
    }

    private fun prepare(group: Group, reserved: Long, tensor: String) {
        Coders.requireInstalled(group, tensor)
        budget.require(saturatedSum(reserved, decoders.getValue(group.coding).workingBytes(group)), tensor)
    }

    private fun decode(group: Group, reserved: Long, allocate: (Int) -> ByteBuffer?, deliver: (Int) -> Unit) {
        decoders.getValue(group.coding).decode(group, TensorSink(reserved, allocate, deliver))
    }
}
