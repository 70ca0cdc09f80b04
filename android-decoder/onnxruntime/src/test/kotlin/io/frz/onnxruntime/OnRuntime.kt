package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import io.frz.loading.FrzPart
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import org.junit.jupiter.api.Assertions.assertEquals

/** The base class of tests that run on ONNX Runtime. */
abstract class OnRuntime {
    companion object {
        val lenet5 = File("../../examples/lenet5.frz")

        fun resource(name: String) = File("src/test/resources/$name")

        fun part(name: String): FrzPart = FrzPart.of(resource(name))

        fun bytes(name: String) = resource(name).readBytes()

        /** Checks that [session] returns the same output as PyTorch for the input `NAME.input.npy`, and closes it. */
        fun check(session: OrtSession, name: String) {
            val (input, shape) = npy("$name.input.npy")
            val (expected, _) = npy("$name.expected.npy")
            session.use {
                OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), input, shape).use { x ->
                    it.run(mapOf(it.inputNames.single() to x)).use { result ->
                        val found = (result[0] as OnnxTensor).floatBuffer
                        assertEquals(expected.remaining(), found.remaining())
                        while (found.hasRemaining()) assertEquals(expected.get(), found.get(), 1e-4f)
                    }
                }
            }
        }

        /** Reads a float32 array in NumPy's format and returns its elements and shape. */
        private fun npy(name: String): Pair<FloatBuffer, LongArray> {
            val memory = ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN)
            val header = memory.getShort(8).toInt()
            val shape = Regex("\\(([\\d, ]+)\\)").find(String(memory.array(), 10, header))!!.groupValues[1]
            memory.position(10 + header)
            val lengths = shape.split(",").filter { it.isNotBlank() }.map { it.trim().toLong() }
            return memory.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer() to lengths.toLongArray()
        }
    }
}
