package io.frz.onnxruntime.internal

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import io.frz.loading.FrzMemory
import java.nio.ByteBuffer

/** Weights as ONNX Runtime tensors in [memory]. Closing this object frees the tensors and the memory. */
internal class Tensors(val memory: FrzMemory) : AutoCloseable {
    private val byName = LinkedHashMap<String, OnnxTensor>()

    /** The tensors by name. */
    val all: Map<String, OnnxTensor> get() = byName

    /** Adds the weight [name], whose elements are in [buffer], a part of [memory]. */
    fun add(name: String, buffer: ByteBuffer, wanted: Wanted, environment: OrtEnvironment) {
        byName[name] = OnnxTensor.createTensor(environment, buffer, wanted.shape, wanted.type)
    }

    override fun close() {
        byName.values.forEach(OnnxTensor::close)
        memory.close()
    }
}
