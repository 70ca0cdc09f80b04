package io.frz.host

import com.google.gson.JsonParser
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that the file extension of a skeleton selects ONNX Runtime, and that ONNX Runtime runs such skeletons. */
class OrtTest {
    private val models = File("../onnxruntime/src/test/resources")

    @Test
    fun `ONNX Runtime returns the same outputs however it receives the weights`(@TempDir folder: File) {
        val inputs = File(folder, "in").apply { mkdir() }
        File(models, "lenet5.input.npy").copyTo(File(inputs, "x.npy"))
        val expected = NdArray.read(File(models, "lenet5.expected.npy")).values
        val report = File(folder, "report.json")
        for (skeleton in listOf("lenet5.onnx", "lenet5.inputs.onnx", "lenet5.factored.onnx")) {
            val code = FrzHost().commandLine().execute(
                "report",
                "$models/$skeleton",
                "../../examples/lenet5.frz",
                "$inputs",
                "-o",
                "$report",
                "--force",
                "--runtime-threads",
                "1"
            )
            assertEquals(0, code)
            val runtime = JsonParser.parseString(report.readText()).asJsonObject.getAsJsonObject("runtime")
            assertEquals("onnxruntime", runtime["name"].asString)
            assertArrayEquals(expected, NdArray.read(File(folder, "x.out.npy")).values, 1e-4f)
        }
    }
}
