package io.frz.host

import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Test

/** Tests that ONNX Runtime runs the skeletons whose file extension selects it. */
class OrtTest {
    private val models = File("../onnxruntime/src/test/resources")

    @Test
    fun `ONNX Runtime computes the same, rebuilt and from coefficients`() {
        val input = NdArray.read(File(models, "lenet5.input.npy"))
        val expected = NdArray.read(File(models, "lenet5.expected.npy")).values
        val weights = File("../../examples/lenet5.frz")
        for (skeleton in listOf("lenet5.onnx", "lenet5.factored.onnx")) {
            val output = reported("onnxruntime", File(models, skeleton), weights, input, "--runtime-threads", "1")
            assertArrayEquals(expected, output, 1e-4f)
        }
    }
}
