package io.frz.pytorch.internal

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzTensor
import io.frz.TensorInfo
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind
import io.frz.pytorch.FrzModuleOptions
import java.nio.ByteBuffer
import org.pytorch.IValue
import org.pytorch.Module

/**
 * Hands the weights of [file] to [module]: each tensor is rebuilt in a piece of the same memory, and handed over before
 * that memory is used again. Nothing but the module's own copies and this memory is taken.
 */
internal class HandOver(
    private val module: Module,
    private val file: FrzFile,
    private val options: FrzModuleOptions,
    private val cancellation: Cancellation
) {
    private val names: Map<String, List<String>> = file.model.associate { it.name to arrayListOf(it.name) }.also {
        file.aliases.forEach { (alias, target) -> it[target]?.add(alias) }
    }
    private val sizes = file.model.associate { it.name to Elements.bytes(it) }
    private val total = sizes.values.fold(0L, ::sum)
    private var done = 0L

    fun run() {
        Native.weightsMissing(module) // Fails now if the module takes no weights.
        requireMemory()
        if (options.verify) file.verify()
        val largest = sizes.values.maxOrNull() ?: 0
        WeightMemory.lend(maxOf(largest, minOf(total, BATCH))) { memory ->
            val batch = Batch(memory)
            options.progress?.onProgress(0, total)
            file.forEach(batch::memory, batch::add)
            batch.handOver()
        }
        val missing = Native.weightsMissing(module)
        if (missing.isNotEmpty()) throw mismatch(missing)
    }

    private fun mismatch(missing: Collection<String>) = FrzModuleException(
        Kind.MISMATCH,
        "the weights lack ${missing.size} tensors that the skeleton needs: " +
            missing.take(SHOWN).joinToString() + (if (missing.size > SHOWN) " …" else "") +
            "; ship the skeleton and the .frz file of the same network"
    )

    private fun requireMemory() {
        val budget = options.memoryBudget ?: return
        val copies = file.model.fold(0L) { sum, info ->
            names.getValue(info.name).fold(sum) { s, _ -> sum(s, sizes.getValue(info.name)) }
        }
        val largest = file.model.maxByOrNull { sizes.getValue(it.name) } ?: return
        val needed = sum(copies, sizes.getValue(largest.name))
        if (needed > budget) {
            throw FrzException(
                ErrorCode.BUDGET,
                "the weights and the memory to rebuild them take $needed bytes and may take $budget; allow more",
                largest.name
            )
        }
    }

    /** Tensors that lie in [memory] beside each other and are handed over together; often a single one. */
    private inner class Batch(private val memory: ByteBuffer) {
        private val weights = LinkedHashMap<String, IValue>()
        private var bytes = 0L
        private var end = 0
        private lateinit var place: ByteBuffer

        /** Where to rebuild the next tensor. A 16-bit one goes to the upper half of what it takes when widened. */
        fun memory(info: TensorInfo): ByteBuffer {
            val size = sizes.getValue(info.name)
            if (size > memory.capacity() - end) handOver()
            cancellation.check()
            place = slice(memory, end, size.toInt())
            end = minOf(memory.capacity().toLong(), (end + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT).toInt()
            return slice(place, (size - info.bytes).toInt(), info.bytes.toInt())
        }

        /** Takes note that [tensor] has been rebuilt there. */
        fun add(tensor: FrzTensor) {
            val info = file.tensor(tensor.name)
            Elements.widen(tensor.dtype, place)
            val value = IValue.from(Elements.of(info).tensor(place, tensor.shape))
            for (name in names.getValue(tensor.name)) weights[name] = value
            bytes += sizes.getValue(tensor.name)
        }

        /** Gives what is there to the module, after which the memory is free again. */
        fun handOver() {
            if (weights.isEmpty()) return
            Native.loadWeights(module, weights)
            weights.clear()
            end = 0
            done += bytes
            bytes = 0
            options.progress?.onProgress(done, total)
        }
    }

    private companion object {
        /** Small tensors are handed over together, up to this many bytes, because each call has a cost of its own. */
        const val BATCH = 1L shl 20
        const val ALIGNMENT = 64
        const val SHOWN = 8

        fun sum(a: Long, b: Long): Long = if (a > Long.MAX_VALUE - b) Long.MAX_VALUE else a + b
    }
}
