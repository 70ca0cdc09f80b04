package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import io.frz.loading.FrzPart
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertEquals

/** The base class of tests that run on ONNX Runtime. */
abstract class OnRuntime {
    companion object {
        val lenet5 = File("../../examples/lenet5.frz")

        /** The size of all weights that `tiny.onnx` requires, in bytes. */
        const val TINY_BYTES = 4 * (4 * 8 + 8 * 8 + 8 + 8) + 8 * (2 + 2 + 8 + 1 + 1 + 1 + 2 + 4)

        fun resource(name: String) = File("src/test/resources/$name")

        fun part(name: String): FrzPart = FrzPart.of(resource(name))

        fun bytes(name: String) = resource(name).readBytes()

        /** The size of the checksum at the end of a skeleton in bytes, including its tag and its length field. */
        const val SEAL_BYTES = 22

        /** Appends a checksum to [bytes]. */
        fun sealed(bytes: ByteArray): ByteArray {
            val marked = bytes + byteArrayOf(-6, -1, 3, 18) + "frz:crc32:".toByteArray()
            return marked + "%08x".format(CRC32().apply { update(marked) }.value).toByteArray()
        }

        /** Checks that [session] returns the same output as PyTorch for the input `NAME.input.npy`, and closes it. */
        fun check(session: FrzSession, name: String) {
            val found = session.use { outputs(name) { x -> it.run(mapOf(it.inputNames.single() to x)) } }
            val (expected, _) = npy("$name.expected.npy")
            assertEquals(expected.remaining(), found.remaining())
            while (found.hasRemaining()) assertEquals(expected.get(), found.get(), 1e-4f)
        }

        /** Returns the first output of [run] for the input `NAME.input.npy`. */
        fun outputs(name: String, run: (OnnxTensor) -> OrtSession.Result): FloatBuffer {
            val (input, shape) = npy("$name.input.npy")
            return OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), input, shape).use { x ->
                run(x).use { (it[0] as OnnxTensor).floatBuffer }
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
