package io.frz.host

import com.google.gson.Gson
import com.google.gson.JsonParser
import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.Trial
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Runs the suite on ONNX Runtime, with LeNet-5. */
class SuiteTest {
    @TempDir
    private lateinit var folder: File

    private val models = File("../onnxruntime/src/test/resources")
    private val assets by lazy { File(folder, "assets").apply { mkdir() } }
    private val report get() = File(folder, "report.json")

    private fun tensor(name: String, array: NdArray): Map<String, Any> {
        File(assets, name).writeBytes(array.bytes().array())
        return mapOf("file" to name, "shape" to array.shape.toList(), "crc32" to array.crc32())
    }

    /** Writes assets without the dense network and the hidden layer: the test data contains only skeletons. */
    private fun makeAssets() {
        for (name in listOf("lenet5.onnx", "lenet5.factored.onnx")) File(models, name).copyTo(File(assets, name))
        File("../../examples/lenet5.frz").copyTo(File(assets, "lenet5.frz"))
        val expected = NdArray.read(File(models, "lenet5.expected.npy"))
        val labels = FloatArray(expected.shape[0].toInt()) { at ->
            (0 until 10).maxByOrNull { expected.values[10 * at + it] }!!.toFloat()
        }
        val outputs = tensor("outputs.f32", expected)
        val variants = listOf("dense", "rebuilt", "factored").map { name ->
            val model = if (name == "rebuilt") "lenet5.onnx" else "lenet5.$name.onnx"
            val about = mapOf("name" to name, "tolerance" to 1e-3, "outputs" to outputs)
            val files = mapOf("models" to mapOf("onnx" to model))
            about + files + if (name == "dense") emptyMap() else mapOf("weights" to "lenet5.frz")
        }
        val network = mapOf(
            "name" to "lenet5",
            "title" to "LeNet-5",
            "task" to "classification",
            "metric" to "accuracy",
            "scored" to "factored",
            "short" to true,
            "inputs" to tensor("inputs.f32", NdArray.read(File(models, "lenet5.input.npy"))),
            "targets" to tensor("targets.f32", NdArray(longArrayOf(labels.size.toLong()), labels)),
            "variants" to variants
        )
        val nothing = tensor("nothing.f32", NdArray(longArrayOf(1), floatArrayOf(0f)))
        val tensors = listOf("train", "train_labels", "test", "test_labels", "outputs").associateWith { nothing }
        val learning = mapOf("layer" to "lenet5.frz", "tolerance" to 1e-3) + tensors
        val about = mapOf("format" to "frz-suite-assets", "version" to 1)
        val manifest = about + mapOf("networks" to listOf(network), "learning" to learning)
        File(assets, "manifest.json").writeText(Gson().toJson(manifest))
    }

    @Test
    fun `a report is written even if networks and other tests fail`() {
        makeAssets()
        val (code, out, err) = host("suite", assets, "-o", report, "--short", "--in-process")
        assertEquals(1, code, err) // the dense network is missing
        assertTrue("[1/" in err && "LeNet-5, onnxruntime" in err, err)
        assertTrue("onnxruntime: no score, 0 of 1 networks count" in out, out)
        assertTrue("learning on the device failed: lenet5.frz: the file does not contain an Extreme" in out, out)
        val document = JsonParser.parseString(report.readText()).asJsonObject
        val results = document.getAsJsonArray("networks").map { it.asJsonObject }
        val variants = results.first { it["runtime"].asString == "onnxruntime" }.getAsJsonArray("variants")
        assertTrue(variants[0].asJsonObject.has("failure"))
        for (variant in variants.drop(1).map { it.asJsonObject }) {
            assertEquals(1.0, variant["score"].asDouble)
            assertTrue(variant["error"].asDouble < 1e-4)
            assertTrue(variant["heap_bytes"].asLong >= 0)
        }
        assertFalse(File(assets, "lenet5.dense.onnx").exists())
        assertTrue(document.getAsJsonObject("learning").has("failure"))
    }

    @Test
    fun `a trial measures its memory in another process`() {
        makeAssets()
        val trials = ChildProcess(assets, 1)
        assertTrue(trials.measure(Trial("lenet5", "rebuilt", "onnxruntime")).native!! > 1 shl 20)
        val failure = assertThrows(BenchmarkException::class.java) {
            trials.measure(Trial("lenet5", "dense", "onnxruntime"))
        }
        assertTrue(failure.message!!.startsWith("lenet5, dense, on onnxruntime: ONNX Runtime"), failure.message)
    }

    @Test
    fun `a trial prints its memory`() {
        makeAssets()
        val trial = arrayOf<Any>("trial", assets, "--network", "lenet5", "--runtime", "onnxruntime")
        val (code, out, err) = host(*trial, "--variant", "factored")
        assertEquals(0, code, err)
        assertTrue(JsonParser.parseString(out).asJsonObject["heap"].asLong >= 0)
        assertEquals(2, host(*trial, "--variant", "none").code)
        val wide = host(*trial, "--variant", "factored", "--height", 28) // widths are multiples of 16
        assertEquals(2, wide.code)
        assertTrue("x has shape [1, 1, 28, 32], but this model requires" in wide.err, wide.err)
    }

    @Test
    fun `mistakes are reported in one line and leave no report`() {
        val (code, _, err) = host("suite", assets, "-o", report)
        assertEquals(2, code)
        assertTrue("manifest.json: there is no such file" in err && err.trim().lines().size == 1, err)
        assertEquals(2, host("suite", assets, "-o", File(folder, "none/report.json")).code)
        assertEquals(2, host("suite", assets, "-o", report, "--threads", 0).code)
        assertFalse(report.exists())
        report.writeText("other")
        val kept = host("suite", assets, "-o", report)
        assertEquals(2, kept.code)
        assertEquals("frz-host: $report: it exists; use --force to replace it", kept.err.trim())
        assertEquals("other", report.readText())
    }
}
