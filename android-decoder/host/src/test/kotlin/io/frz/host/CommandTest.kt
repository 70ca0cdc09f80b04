package io.frz.host

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.loading.FrzLoadOptions
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Runs the commands with the lite interpreter. */
class CommandTest {
    @TempDir
    lateinit var folder: File

    private val models = File("../pytorch/src/test/resources")
    private val inputs by lazy { File(folder, "in").apply { mkdir() } }

    @BeforeEach
    fun requireRuntime() {
        val obstacle = LiteRuntime.obstacle
        if (System.getProperty("frz.native.required") == "true") assertNull(obstacle)
        assumeTrue(obstacle == null) { "not run: PyTorch Mobile cannot run here: $obstacle" }
    }

    private fun model(name: String) = File(models, name)

    private fun input(name: String, from: Float, to: Float, vararg shape: Long): File {
        val count = shape.fold(1L, Long::times).toInt()
        val values = FloatArray(count) { from + (to - from) * it / (count - 1) }
        return File(inputs, "$name.npy").also { NdArray(shape, values).write(it) }
    }

    private fun report(vararg args: Any): JsonObject {
        val file = File(folder, "report.json")
        val result = host("report", *args, "-o", file)
        assertEquals(0, result.code, result.err)
        return JsonParser.parseString(file.readText()).asJsonObject
    }

    private val tinyExpected = model("tiny.expected.txt").readLines().map { it.toFloat() }.toFloatArray()

    @Test
    fun `a report describes every input`() {
        val image = input("b", -1f, 1f, 1, 1, 6, 6)
        input("c", -1f, 1f, 1, 3, 6, 6)
        File(inputs, "a.npy").writeText("no array")
        val report = report(model("tiny.ptl"), model("tiny.frz"), inputs, "--runs", 3, "--runtime-threads", 1)
        assertEquals("frz-parity-report", report["format"].asString)
        assertEquals("1.12.2", report.getAsJsonObject("runtime")["version"].asString)
        val weights = report.getAsJsonObject("model").getAsJsonObject("weights")
        assertEquals(model("tiny.frz").length(), weights["bytes"].asLong)
        val (a, b, c) = report.getAsJsonArray("inputs").map { it.asJsonObject }
        assertTrue("not a NumPy file" in a["error"].asString)
        assertTrue("channels" in c["error"].asString, c["error"].asString)
        assertEquals("b", b["name"].asString)
        assertEquals("[1,1,6,6]", b["shape"].toString())
        assertEquals(NdArray.read(image).crc32(), b["crc32"].asString)
        assertEquals(2, b.getAsJsonArray("ms").size())
        val output = b.getAsJsonObject("output")
        assertEquals("[1,8]", output["shape"].toString())
        assertEquals(0, output["nonfinite"].asInt)
        val written = NdArray.read(File(folder, output.getAsJsonObject("values")["file"].asString))
        assertArrayEquals(tinyExpected, written.values, 2e-4f)
        assertEquals(written.crc32(), output["crc32"].asString)
        assertEquals(written.values.max(), output["max"].asFloat)
        val memory = report.getAsJsonObject("memory")
        assertTrue(memory["peak"].asLong >= memory["loaded"].asLong)
        assertEquals(setOf("report.json", "b.out.npy", "in"), folder.list()!!.toSet())
    }

    @Test
    fun `a report replaces no input, and its outputs are not mixed with the inputs`() {
        input("a", -1f, 1f, 1, 1, 6, 6)
        val skeleton = model("tiny.ptl").copyTo(File(folder, "s.ptl"))
        for (target in listOf(skeleton, inputs, File(inputs, "a.npy"), File(inputs, "report.json"))) {
            val refused = host("report", skeleton, model("tiny.frz"), inputs, "-o", target, "--force")
            assertEquals(2, refused.code)
            assertTrue(refused.err.startsWith("frz-host: $target: "), refused.err)
        }
        assertEquals(model("tiny.ptl").length(), skeleton.length())
        assertEquals(listOf("a.npy"), inputs.list()!!.toList())
    }

    @Test
    fun `existing reports and outputs are replaced only on request`() {
        input("a", -1f, 1f, 1, 1, 6, 6)
        val command = arrayOf<Any>("report", model("tiny.ptl"), model("tiny.frz"), inputs, "-o")
        for (name in listOf("report.json", "a.out.npy")) {
            val file = File(folder, name).apply { writeText("other") }
            val refused = host(*command, File(folder, "report.json"))
            assertEquals(2, refused.code)
            assertEquals("frz-host: $file: it exists; use --force to replace it", refused.err.trim())
            assertEquals("other", file.readText())
            file.delete()
        }
        File(folder, "report.json").writeText("other")
        val replaced = host(*command, File(folder, "report.json"), "--force")
        assertEquals(0, replaced.code, replaced.err)
        assertTrue("frz-parity-report" in File(folder, "report.json").readText())
    }

    @Test
    fun `failures of the runtime are reported in one line`() {
        val (right, wrong) = listOf(1L, 3L).map { input("in$it", -1f, 1f, 1, it, 6, 6) }
        val bench = listOf<Any>("bench", model("tiny.ptl"), model("tiny.frz"), "--runs", 1)
        for (arguments in listOf(
            bench + listOf(model("complete.ptl"), "--input", wrong),
            bench + listOf(model("tiny.frz"), "--input", right),
            listOf<Any>("stress", model("tiny.ptl"), model("tiny.frz"), "--cycles", 1, "--input", wrong)
        )) {
            val failed = host(*arguments.toTypedArray())
            assertEquals(2, failed.code)
            val pattern = Regex("frz-host: PyTorch Mobile cannot (load|run) .*: .+")
            assertTrue(pattern.matches(failed.err.trim()), failed.err)
        }
    }

    @Test
    fun `the reference network returns the same outputs as on the desktop`() = reference("unet.ptl")

    @Test
    fun `the reference network returns the same outputs when run on its coefficients`() = reference("unet.factored.ptl")

    private fun reference(skeleton: String) {
        input("ramp", 0f, 1f, 1, 3, 32, 32)
        report(model(skeleton), model("unet.frz"), inputs, "--runtime-threads", 1)
        val expected = NdArray.read(model("unet.expected.npy")).values
        val found = NdArray.read(File(folder, "ramp.out.npy")).values
        assertArrayEquals(expected, found, 1e-3f * expected.max())
    }

    @Test
    fun `bench compares with the module that contains its weights`() {
        val image = input("image", -1f, 1f, 1, 1, 6, 6)
        val models = arrayOf(model("other.ptl"), model("other.frz"), model("complete.ptl"))
        val result = host("bench", *models, "--input", image, "--runs", 2, "--json")
        assertEquals(0, result.code, result.err)
        val report = JsonParser.parseString(result.out).asJsonObject
        assertEquals(160, report["weights_bytes"].asInt)
        assertEquals(144, report["largest_tensor_bytes"].asInt)
        assertTrue(report["ratio"].asDouble > 0)
        assertTrue(report["run_ms"].asDouble > 0)
        assertTrue("ratio" in host("bench", *models, "--input", image, "--runs", 1).out)
    }

    @Test
    fun `bench compares a factored skeleton with an ordinary one`() {
        val models = arrayOf<Any>(model("unet.factored.ptl"), model("unet.frz"), model("unet.ptl"), "--skeletons")
        val image = input("ramp", 0f, 1f, 1, 3, 32, 32)
        val result = host("bench", *models, "--input", image, "--runs", 1, "--runtime-threads", 1, "--json")
        assertEquals(0, result.code, result.err)
        val report = JsonParser.parseString(result.out).asJsonObject
        assertTrue(report["peak_loading_bytes"].asLong < report["other_peak_loading_bytes"].asLong / 2, "$report")
        assertTrue(report["run_ratio"].asDouble > 0)
    }

    @Test
    fun `stress finds that all outputs are the same`() {
        val image = input("image", -1f, 1f, 1, 1, 6, 6)
        val models = arrayOf(model("tiny.ptl"), model("tiny.frz"))
        val result = host("stress", *models, "--input", image, "--cycles", 20, "--at-once", 2)
        val report = JsonParser.parseString(result.out).asJsonObject
        assertEquals(0, report["different_outputs"].asInt)
        assertEquals(if (report["growth"].asDouble <= 0.05) 0 else 1, result.code)
    }

    @Test
    fun `models with several inputs, of integers too, run on every engine`() {
        val lookup = File("../onnxruntime/src/test/resources")
        val (words, scale) = listOf("words", "scale").map { File(lookup, "lookup.$it.npy") }
        for (extension in listOf("ptl", "onnx")) {
            val model = arrayOf<Any>(File(lookup, "lookup.$extension"), File(lookup, "lookup.frz"))
            val once = arrayOf<Any>("--cycles", 1, "--at-once", 1)
            assertEquals("", host("stress", *model, "--input", words, "--input", scale, *once).err)
            val other = arrayOf<Any>(File(lookup, "lookup.$extension"), "--skeletons", "--runs", 1)
            assertEquals("", host("bench", *model, *other, "--input", words, "--input", scale).err)
            val missing = host("stress", *model, "--input", words, *once)
            assertEquals(2, missing.code)
            assertTrue("input" in missing.err || "Expected Tensor" in missing.err, missing.err)
        }
        val expected = NdArray.read(File(lookup, "lookup.expected.npy")).values
        val given = listOf(words, scale).map(NdArray::readInput)
        val (skeleton, weights) = File(lookup, "lookup.ptl") to File(lookup, "lookup.frz")
        LiteEngine().load(skeleton, weights, null, FrzLoadOptions.DEFAULT).use { model ->
            assertArrayEquals(expected, model.forward(given).getValue(Model.OUTPUT).values, 1e-5f)
        }
    }

    @Test
    fun `a delta file is loaded with its base`() {
        val image = input("b", -1f, 1f, 1, 1, 6, 6)
        val models = arrayOf<Any>(model("tiny.ptl"), model("tiny.delta.frz"))
        val rests = mapOf(
            "report" to arrayOf<Any>(inputs, "-o", File(folder, "report.json")),
            "bench" to arrayOf<Any>(model("tiny.ptl"), "--skeletons", "--input", image, "--runs", 1),
            "stress" to arrayOf<Any>("--input", image, "--cycles", 1, "--at-once", 1)
        )
        for ((command, rest) in rests) {
            val refused = host(command, *models, *rest)
            assertEquals(2, refused.code)
            assertTrue("BASE" in refused.err, refused.err)
            assertEquals("", host(command, *models, *rest, "--base", model("tiny.frz")).err)
        }
        assertArrayEquals(tinyExpected, NdArray.read(File(folder, "b.out.npy")).values, 2e-4f)
    }

    @Test
    fun `failures are reported in one line`() {
        val image = input("image", -1f, 1f, 1, 1, 6, 6)
        val output = File(folder, "report.json")
        val cases = listOf(
            host("report", model("tiny.frz"), model("tiny.frz"), inputs, "-o", output) to
                "SKELETON_DAMAGED: ${model("tiny.frz")}: ",
            host("report", model("tiny.ptl"), model("other.frz"), inputs, "-o", output) to "MISMATCH",
            host("report", model("tiny.ptl"), model("tiny.ptl"), inputs, "-o", output) to
                "frz-host: ${model("tiny.ptl")}: MAGIC: ",
            host("bench", model("tiny.ptl"), model("tiny.ptl"), model("complete.ptl"), "--input", image) to
                "${model("tiny.ptl")}: MAGIC: ",
            host("report", model("tiny.ptl"), model("tiny.frz"), "nowhere", "-o", output) to "nowhere: no such folder",
            host("report", model("tiny.ptl"), model("tiny.frz"), folder, "-o", output) to "contains no .npy files",
            host("report", model("tiny.ptl"), model("tiny.frz"), inputs, "-o", "no/such/x") to "does not exist",
            host("report", model("tiny.ptl"), model("tiny.frz"), inputs, "-o", output, "--threads", 0) to "must be",
            host("report", "none.ptl", model("tiny.frz"), inputs, "-o", output) to "frz-host: none.ptl: no such file",
            host("report", folder, model("tiny.frz"), inputs, "-o", output) to "frz-host: $folder: it is a folder",
            host("bench", model("tiny.ptl"), model("tiny.frz"), "none.ptl", "--input", image) to
                "frz-host: none.ptl: no such file",
            host("stress", model("tiny.ptl"), "none.frz", "--input", image) to "frz-host: none.frz: no such file",
            host("stress", model("tiny.ptl"), model("tiny.frz"), "--input", "none.npy") to "none.npy: no such file"
        )
        for ((result, text) in cases) {
            assertEquals(2, result.code, text)
            assertTrue(text in result.err, result.err)
        }
        assertEquals(1, cases[0].first.err.trim().lines().size)
        assertTrue(!output.exists())
        assertTrue(host("--version").out.startsWith("frz-host "))
    }
}
