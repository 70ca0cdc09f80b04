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
import org.pytorch.Tensor

/**
 * Hands the weights of [file] to [module]. Each tensor is rebuilt in a part of the same memory, and handed over before
 * that memory is reused. If the module wants coefficients instead of a tensor, those are handed over, and nothing is
 * rebuilt. Apart from the module's own copies, this takes no other memory.
 */
internal class HandOver(
    private val module: Module,
    private val file: FrzFile,
    private val options: FrzModuleOptions,
    private val cancellation: Cancellation
) {
    /** Fails if the module takes no weights, or needs others than this file has. */
    private val shares = Share.of(file, Native.coefficientsWanted(module)).associateBy { it.info.name }
    private val total = shares.values.fold(0L) { sum, share ->
        sum(sum, sum(share.rebuiltBytes, share.coefficientBytes))
    }
    private var done = 0L

    fun run() {
        requireMemory()
        if (options.verify) file.verify()
        val largest = shares.values.maxOfOrNull { it.bytes } ?: 0
        WeightMemory.lend(maxOf(largest, minOf(total, BATCH)), options.scratch, cancellation) { memory ->
            val batch = Batch(memory)
            options.progress?.onProgress(0, total)
            for (share in shares.values) if (share.coefficients.isNotEmpty()) batch.addCoefficients(share)
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
        val copies = shares.values.fold(0L) { before, share ->
            val rebuilt = share.rebuilt.fold(before) { sum, _ -> sum(sum, share.rebuiltBytes) }
            share.coefficients.fold(rebuilt) { sum, _ -> sum(sum, share.coefficientBytes) }
        }
        val largest = shares.values.maxByOrNull { it.bytes } ?: return
        val needed = sum(copies, largest.bytes)
        if (needed > budget) {
            throw FrzException(
                ErrorCode.BUDGET,
                "the weights and the memory to rebuild them take $needed bytes and may take $budget; allow more",
                largest.info.name
            )
        }
    }

    /** Tensors that lie side by side in [memory] and are handed over together; often there is only one. */
    private inner class Batch(private val memory: ByteBuffer) {
        private val weights = LinkedHashMap<String, IValue>()
        private var bytes = 0L
        private var end = 0
        private lateinit var place: ByteBuffer

        /**
         * Where to rebuild the next tensor, if it is wanted. A 16-bit tensor goes into the upper half of the space that
         * it takes once widened.
         */
        fun memory(info: TensorInfo): ByteBuffer? {
            val share = shares.getValue(info.name)
            if (share.rebuilt.isEmpty()) return null
            place = room(share.rebuiltBytes)
            return slice(place, (share.rebuiltBytes - info.bytes).toInt(), info.bytes.toInt())
        }

        /** Records that [tensor] has been rebuilt there. */
        fun add(tensor: FrzTensor) {
            val share = shares.getValue(tensor.name)
            Elements.widen(tensor.dtype, place)
            put(share.rebuilt, Elements.of(share.info).tensor(place, tensor.shape), share.rebuiltBytes)
        }

        /** Adds the coefficients of [share], (k,). */
        fun addCoefficients(share: Share) {
            val values = room(share.coefficientBytes).asFloatBuffer()
            val core = file.core(share.info.name)
            values.put(core.buffer.asFloatBuffer()).rewind()
            put(share.coefficients, Tensor.fromBlob(values, core.shape), share.coefficientBytes)
        }

        /**
         * [size] bytes of memory; if there is not enough room left, the tensors already there are handed over first.
         */
        private fun room(size: Long): ByteBuffer {
            if (size > memory.capacity() - end) handOver()
            cancellation.check()
            val room = slice(memory, end, size.toInt())
            end = minOf(memory.capacity().toLong(), (end + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT).toInt()
            return room
        }

        private fun put(names: List<String>, tensor: Tensor, size: Long) {
            val value = IValue.from(tensor)
            for (name in names) weights[name] = value
            bytes += size
        }

        /** Hands the collected tensors to the module, which frees the memory for others. */
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
        /** Small tensors are handed over together, up to this many bytes, because each call has a fixed cost. */
        const val BATCH = 1L shl 20
        const val ALIGNMENT = 64
        const val SHOWN = 8

        fun sum(a: Long, b: Long): Long = if (a > Long.MAX_VALUE - b) Long.MAX_VALUE else a + b
    }
}
