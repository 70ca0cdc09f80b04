package io.frz.pytorch.internal

import io.frz.FrzFile
import io.frz.FrzTensor
import io.frz.TensorInfo
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.pytorch.IValue
import org.pytorch.Module
import org.pytorch.Tensor

/**
 * Passes the weights of [file] to [module]. All tensors are rebuilt in the same buffer, and the module copies each
 * before the next overwrites it. If the module requires a tensor only as coefficients, the tensor is not rebuilt.
 * Memory is needed only for the buffer and the module's copies.
 */
internal class HandOver(private val module: Module, private val file: FrzFile, private val load: FrzLoad) {
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
        val largest = shares.values.maxByOrNull { it.bytes }
        load.admit(file, needed(largest), largest?.info?.name)
        val size = maxOf(largest?.bytes ?: 0, minOf(total + 2 * ALIGNMENT * shares.size, BATCH))
        load.memory(size).use { all ->
            val batch = Batch(all.allocate(size))
            load.report(0, total)
            for (share in shares.values) if (share.coefficients.isNotEmpty()) batch.addCoefficients(share)
            file.forEach(batch::memory, batch::add)
            batch.handOver()
        }
        val missing = Native.weightsMissing(module)
        if (missing.isNotEmpty()) throw mismatch(missing)
    }

    private fun mismatch(missing: Collection<String>) = FrzLoadException(
        Kind.MISMATCH,
        "the weights lack ${missing.size} tensors that the skeleton needs: " +
            missing.take(SHOWN).joinToString() + (if (missing.size > SHOWN) " …" else "") +
            "; ship the skeleton and the .frz file of the same network"
    )

    /**
     * Returns the bytes needed for the module's copies of all weights and for the buffer in which [largest] is rebuilt.
     */
    private fun needed(largest: Share?): Long = shares.values.fold(largest?.bytes ?: 0) { before, share ->
        val rebuilt = share.rebuilt.fold(before) { sum, _ -> sum(sum, share.rebuiltBytes) }
        share.coefficients.fold(rebuilt) { sum, _ -> sum(sum, share.coefficientBytes) }
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

        /** Adds the coefficients of [share], of shape (k,). */
        fun addCoefficients(share: Share) {
            val values = room(share.coefficientBytes).asFloatBuffer()
            val coefficients = file.coefficients(share.info.name)
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
        const val SHOWN = 8

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
