package io.frz.onnxruntime.internal

import io.frz.FrzFile
import io.frz.FrzTensor
import io.frz.TensorInfo
import io.frz.loading.FrzLoad
import io.frz.loading.FrzMemory
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Rebuilds the weights that a skeleton requires from [file], which fits [contract]. */
internal class Weights(val contract: Contract, private val file: FrzFile, private val load: FrzLoad) {
    /** For each tensor of the file, the names of the required weights that are rebuilt from it. */
    private val rebuilt = sources { it.form == null }

    /** For each tensor of the file, the names of the required weights that are its coefficients. */
    private val coefficients = sources { it.form != null }
    private val total = contract.initializerBytes + contract.inputBytes

    private val buffers = LinkedHashMap<String, ByteBuffer>()

    /** For each weight that is rebuilt directly in its own buffer, the name of its tensor in the file. */
    private val inPlace = HashMap<String, String>()
    private var done = 0L

    /**
     * Rebuilds all weights with the skeleton's element types, each in the memory that [memory] returns for its name.
     * Returns the buffers by name; each is valid until its memory is closed. Call this function only once.
     */
    fun rebuild(memory: (name: String) -> FrzMemory): Map<String, ByteBuffer> {
        val largest = file.tensors.filter { it.name in rebuilt }.maxByOrNull { it.bytes }
        val outside = file.tensors.maxOfOrNull(::bytesOutside) ?: 0
        val peak = COPIES * contract.initializerBytes + contract.inputBytes
        val file = load.admit(file, peak, largest?.name, total + outside)
        load.report(0, total)
        for (name in coefficients.keys) add(file.coefficients(name), coefficients.getValue(name), memory)
        file.forEach({ room(it, memory) }, { add(it, rebuilt.getValue(it.name), memory) })
        for (name in rebuilt.keys - inPlace.values.toSet()) add(file.load(name), rebuilt.getValue(name), memory)
        return buffers
    }

    private fun sources(select: (Wanted) -> Boolean): Map<String, List<String>> {
        val found = LinkedHashMap<String, ArrayList<String>>()
        for ((name, wanted) in contract.wanted) {
            if (!select(wanted)) continue
            for (source in contract.sources(name, file)) found.getOrPut(source) { ArrayList() }.add(name)
        }
        return found
    }

    /**
     * Returns the memory that [info] needs outside the buffers of its weights: it is rebuilt there if it must be
     * converted, or compared with another tensor, and a comparison converts it once more.
     */
    private fun bytesOutside(info: TensorInfo): Long {
        val weights = rebuilt[info.name].orEmpty()
        val compared = weights.filter { contract.sources(it, file).size > 1 }
        val isOutside = compared.isNotEmpty() || weights.any { contract.wanted.getValue(it).dtype != info.dtype }
        return if (isOutside) info.bytes + (compared.maxOfOrNull { contract.wanted.getValue(it).bytes } ?: 0) else 0
    }

    /** Returns the buffer of a weight that has the same type as the tensor [info], or null if no weight does. */
    private fun room(info: TensorInfo, memory: (String) -> FrzMemory): ByteBuffer? {
        load.checkCancelled()
        val weight = rebuilt[info.name].orEmpty().firstOrNull {
            it !in buffers && contract.wanted.getValue(it).dtype == info.dtype
        } ?: return null
        inPlace[weight] = info.name
        return memory(weight).allocate(info.bytes).also { buffers[weight] = it }.duplicate()
    }

    /** Adds [tensor] as the value of each weight in [names]. */
    private fun add(tensor: FrzTensor, names: List<String>, memory: (String) -> FrzMemory) {
        for (name in names) {
            load.checkCancelled()
            val wanted = contract.wanted.getValue(name)
            val conversion = Conversion(name, tensor.dtype, wanted.dtype)
            val known = buffers[name]
            if (known == null) {
                val buffer = memory(name).allocate(wanted.bytes)
                conversion.copy(tensor.buffer, buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN))
                buffers[name] = buffer
            } else if (inPlace[name] != tensor.name && !conversion.isSame(tensor.buffer, known)) {
                throw OnnxRuntime.mismatch("$name is one tensor in the model, but several different ones in the file")
            } else if (inPlace[name] != tensor.name) {
                continue
            }
            done += wanted.bytes
            load.report(done, total)
        }
    }

    private companion object {
        /**
         * The peak number of copies of initializers: the buffers passed to ONNX Runtime, and its own copies while it
         * optimizes the graph. It does not copy inputs. Measured with releases 1.20 and 1.29.
         */
        const val COPIES = 4
    }
}
