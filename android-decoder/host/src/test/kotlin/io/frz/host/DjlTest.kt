package io.frz.host

import com.google.gson.JsonParser
import io.frz.loading.FrzLoadOptions
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/**
 * Cross-checks results with LibTorch. It runs in a separate process, because two copies of PyTorch in the same process
 * conflict.
 */
class DjlTest {
    private val models = File("../pytorch/src/test/resources")

    @TempDir
    lateinit var folder: File

    /** Returns the output of LibTorch for [input] with the given skeleton and weights. */
    private fun outputOf(skeleton: String, weights: String, input: NdArray): FloatArray {
        val here = System.getProperty("os.name") == "Linux" && System.getProperty("os.arch") == "amd64"
        assumeTrue(here) { "not run: its library is for x86-64 Linux" }
        val inputs = File(folder, "in").apply { mkdir() }
        input.write(File(inputs, "x.npy"))
        val report = File(folder, "report.json")
        val code = FrzHost().commandLine().execute(
            "report",
            "$models/$skeleton",
            "$models/$weights",
            "$inputs",
            "-o",
            "$report",
            "--force",
            "--engine",
            "djl"
        )
        assertEquals(0, code)
        val runtime = JsonParser.parseString(report.readText()).asJsonObject.getAsJsonObject("runtime")
        assertEquals("djl-libtorch", runtime["name"].asString)
        return NdArray.read(File(folder, "x.out.npy")).values
    }

    @Test
    fun `LibTorch returns the same outputs with weights of every type`() {
        val image = NdArray(longArrayOf(1, 1, 6, 6), FloatArray(36) { -1 + 2 * it / 35f })
        val expected = File(models, "tiny.expected.txt").readLines().map { it.toFloat() }.toFloatArray()
        assertArrayEquals(expected, outputOf("tiny.pt", "tiny.frz", image), 2e-4f)
    }

    @Test
    fun `LibTorch runs models with several inputs`() {
        val here = System.getProperty("os.name") == "Linux" && System.getProperty("os.arch") == "amd64"
        assumeTrue(here) { "not run: its library is for x86-64 Linux" }
        val lookup = File("../onnxruntime/src/test/resources")
        val inputs = listOf("words", "scale").map { NdArray.readInput(File(lookup, "lookup.$it.npy")) }
        val (skeleton, weights) = File(lookup, "lookup.pt") to File(lookup, "lookup.frz")
        DjlEngine().load(skeleton, weights, null, FrzLoadOptions.DEFAULT).use { model ->
            val expected = NdArray.read(File(lookup, "lookup.expected.npy")).values
            assertArrayEquals(expected, model.forward(inputs).getValue(Model.OUTPUT).values, 1e-5f)
        }
    }

    @Test
    fun `LibTorch returns the same outputs with coefficients`() {
        val expected = NdArray.read(File(models, "wide.expected.npy")).values
        val ones = NdArray(longArrayOf(1, 1024), FloatArray(1024) { 1f })
        assertArrayEquals(expected, outputOf("wide.factored.pt", "wide.frz", ones), 1e-5f * expected.max())
    }
}
