package io.frz.internal

import io.frz.Coding
import io.frz.FrzOptions
import io.frz.GroupInfo
import io.frz.TensorInfo
import io.frz.internal.coder.Coders
import io.frz.internal.coding.DctDecoder
import io.frz.internal.coding.RawDecoder
import io.frz.internal.coding.Session
import io.frz.internal.coding.TensorSink
import io.frz.internal.coding.Wanted
import io.frz.internal.container.Container
import io.frz.internal.container.Group
import java.nio.ByteBuffer

/** Carries out requests for the tensors of a file: what is needed is made sure of first, then groups are decoded. */
internal class Loader(
    container: Container,
    private val groups: List<GroupInfo>,
    private val model: Model,
    options: FrzOptions
) {
    private val budget = Budget(options.memoryBudget)
    private val session = Session(container, budget, Workers(options.threads, options.helpers ?: Workers.SHARED))

    private val dct = DctDecoder(session)

    /** The decoders of all codings; a new coding is one more entry here. */
    private val decoders = mapOf(Coding.RAW to RawDecoder(session), Coding.DCT to dct)

    /** Decodes one tensor into [target], or into memory of its own. */
    fun load(request: Request, info: TensorInfo, target: ByteBuffer?): ByteBuffer {
        val source = model.source(info)
        val reserved = if (target == null) info.bytes else 0
        prepare(source.record, reserved, info.name)
        val memory = target ?: Budget.allocate(info.bytes, info.name)
        val wanted = Wanted(memory, model.start(info))
        decode(request, source.record, reserved, { index -> wanted.takeIf { index == source.index } }) {}
        return memory
    }

    /** Decodes the whole model into memory of its own, and calls [deliver] with each tensor and its memory. */
    fun loadAll(request: Request, deliver: (info: TensorInfo, memory: ByteBuffer) -> Unit) {
        val reserved = model.tensors.fold(0L) { sum, info -> saturatedSum(sum, info.bytes) }
        forEach(request, reserved, { Budget.allocate(it.bytes, it.name) }, deliver)
    }

    /** Decodes the model's tensors one after the other into the same memory; calls [deliver] while each is there. */
    fun forEach(request: Request, deliver: (info: TensorInfo, memory: ByteBuffer) -> Unit) {
        val largest = model.tensors.maxOfOrNull { it.bytes } ?: 0
        val memory by lazy { Budget.allocate(largest, null) }
        forEach(request, largest, { info -> memory.apply { clear().limit(info.bytes.toInt()) } }, deliver)
    }

    /** Decodes the model's tensors into what [allocate] gives, if any, of [reserved] bytes; hands it to [deliver]. */
    fun forEach(
        request: Request,
        reserved: Long,
        allocate: (info: TensorInfo) -> ByteBuffer?,
        deliver: (info: TensorInfo, memory: ByteBuffer) -> Unit
    ) {
        val used = groups.filter { group -> group.tensors.any { model.heldBy(it) != null } }
        for (group in used) prepare(group.record, reserved, group.tensors.first().name)
        for (group in used) {
            lateinit var tensor: TensorInfo
            lateinit var memory: ByteBuffer
            val want = { index: Int ->
                model.heldBy(group.tensors[index])?.let { info ->
                    allocate(info)?.let {
                        tensor = info
                        memory = it
                        Wanted(it, model.start(info))
                    }
                }
            }
            decode(request, group.record, reserved, want) { deliver(tensor, memory) }
        }
    }

    /** Decodes everything without rebuilding it. */
    fun verify(request: Request) {
        for (group in groups) prepare(group.record, 0, group.tensors.first().name)
        for (group in groups) decode(request, group.record, 0, { null }) {}
    }

    /** The canonical coefficients of a `dct` tensor. */
    fun coefficients(request: Request, info: TensorInfo): FloatArray {
        prepare(info.record, 4L * info.kept, info.name)
        return dct.coefficients(info.record, request)[info.index].clone()
    }

    private fun prepare(group: Group, reserved: Long, tensor: String) {
        Coders.requireInstalled(group, tensor)
        budget.require(saturatedSum(reserved, decoders.getValue(group.coding).workingBytes(group)), tensor)
    }

    private fun decode(request: Request, group: Group, reserved: Long, want: (Int) -> Wanted?, deliver: (Int) -> Unit) =
        decoders.getValue(group.coding).decode(group, TensorSink(request, reserved, want, deliver))
}
