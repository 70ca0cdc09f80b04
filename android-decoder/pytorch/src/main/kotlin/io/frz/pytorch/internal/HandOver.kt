package io.frz.pytorch.internal

import io.frz.FrzFile
import io.frz.FrzTensor
import io.frz.TensorInfo
import io.frz.loading.FrzLoad
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.pytorch.IValue
import org.pytorch.Module
import org.pytorch.Tensor

/**
 * Passes the weights of [file] to [module]. All tensors are rebuilt in the same buffer, and the module copies each
 * before the next overwrites it. If the module requires a tensor only as coefficients, the tensor is not rebuilt.
 * Memory is needed only for the buffer and the module's copies. Unless [partial], the file must contain all weights.
 */
internal class HandOver(
    private val module: Module,
    private val file: FrzFile,
    private val load: FrzLoad,
    private val partial: Boolean = false
) {
    /**
     * The shares by tensor name. Creating them fails if the module does not accept weights, or if coefficients in the
     * file do not fit.
     */
    private val shares = Share.of(file, Native.coefficientsWanted(module)).associateBy { it.info.name }
    private val total = shares.values.fold(0L) { sum, share ->
        sum(sum, sum(share.rebuiltBytes, share.coefficientBytes))
    }
    private var done = 0L

    fun run() {
        Native.checkWeights(module, shapes(), partial)
        val largest = shares.values.maxByOrNull { it.bytes }
        val size = bufferSize(largest?.bytes ?: 0)
        val weights = load.admit(file, sum(copies, size), largest?.info?.name)
        load.memory(size).use { all ->
            val batch = Batch(all.allocate(size))
            load.report(0, total)
            for (share in shares.values) if (share.coefficients.isNotEmpty()) batch.addCoefficients(share, weights)
            weights.forEach(batch::memory, batch::add)
            batch.handOver()
        }
    }

    /** Returns the shape in which each weight will be passed, by all names. */
    private fun shapes(): Map<String, LongArray> = shares.values.flatMap { share ->
        share.rebuilt.map { it to share.info.shape } +
            share.coefficients.map { it to longArrayOf(share.info.coefficients) }
    }.toMap()

    /** The size of the module's copies of all weights, in bytes. */
    private val copies: Long get() = shares.values.fold(0L) { before, share ->
        val rebuilt = share.rebuilt.fold(before) { sum, _ -> sum(sum, share.rebuiltBytes) }
        share.coefficients.fold(rebuilt) { sum, _ -> sum(sum, share.coefficientBytes) }
    }

    /**
     * Returns the size of the buffer: that of a batch if the memory budget allows it, but at least [largest]. Batches
     * take at most a quarter of what the budget leaves, so that the rest is available to the decoder.
     */
    private fun bufferSize(largest: Long): Long {
        val left = load.options.memoryBudget?.let { maxOf(0, it - sum(copies, largest)) / 4 } ?: Long.MAX_VALUE
        return maxOf(largest, minOf(total + 2 * ALIGNMENT * shares.size, BATCH, sum(largest, left)))
    }

    /** One or more tensors, back to back in [memory], that are passed to the module together. */
    private inner class Batch(private val memory: ByteBuffer) {
        private val weights = LinkedHashMap<String, IValue>()
        private var bytes = 0L
        private var end = 0
        private lateinit var place: ByteBuffer

        /**
         * Returns the memory in which to rebuild the next tensor, or null if the tensor is not needed. A 16-bit tensor
         * is rebuilt in the upper half of the space that it occupies after widening.
         */
        fun memory(info: TensorInfo): ByteBuffer? {
            val share = shares.getValue(info.name)
            if (share.rebuilt.isEmpty()) return null
            place = room(share.rebuiltBytes)
            return slice(place, (share.rebuiltBytes - info.bytes).toInt(), info.bytes.toInt())
        }

        /** Adds [tensor], which has been rebuilt in the memory returned for it. */
        fun add(tensor: FrzTensor) {
            val share = shares.getValue(tensor.name)
            Elements.widen(tensor.dtype, place)
            put(share.rebuilt, Elements.of(share.info).tensor(place, tensor.shape), share.rebuiltBytes)
        }

        /** Adds the coefficients of [share], of shape (k,), from [weights]. */
        fun addCoefficients(share: Share, weights: FrzFile) {
            val values = room(share.coefficientBytes).asFloatBuffer()
            val coefficients = weights.coefficients(share.info.name)
            values.put(coefficients.buffer.asFloatBuffer()).rewind()
            put(share.coefficients, Tensor.fromBlob(values, coefficients.shape), share.coefficientBytes)
        }

        /** Reserves [size] bytes of memory. If too little is left, passes the current content to the module first. */
        private fun room(size: Long): ByteBuffer {
            if (size > memory.capacity() - end) handOver()
            load.checkCancelled()
            val room = slice(memory, end, size.toInt())
            end = minOf(memory.capacity().toLong(), (end + size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT).toInt()
            return room
        }

        private fun put(names: List<String>, tensor: Tensor, size: Long) {
            val value = IValue.from(tensor)
            for (name in names) weights[name] = value
            bytes += size
        }

        /** Passes the content of the memory to the module, so that the memory can be reused. */
        fun handOver() {
            if (weights.isEmpty()) return
            Native.loadWeights(module, weights)
            weights.clear()
            end = 0
            done += bytes
            bytes = 0
            load.report(done, total)
        }
    }

    private companion object {
        /** The maximum size, in bytes, of a batch of small tensors; batches reduce the overhead of native calls. */
        const val BATCH = 1L shl 20
        const val ALIGNMENT = 64

        /** Returns [size] bytes of [memory], starting at [start], as a separate buffer in native byte order. */
        fun slice(memory: ByteBuffer, start: Int, size: Int): ByteBuffer {
            val view = memory.duplicate()
            view.limit(start + size)
            view.position(start)
            return view.slice().order(ByteOrder.nativeOrder())
        }

        fun sum(a: Long, b: Long): Long = if (a > Long.MAX_VALUE - b) Long.MAX_VALUE else a + b
    }
}
