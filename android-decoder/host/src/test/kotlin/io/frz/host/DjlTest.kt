package io.frz.host

import com.google.gson.JsonParser
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** A second opinion: LibTorch. It has a process of its own, because two copies of PyTorch in one do not get along. */
class DjlTest {
    @Test
    fun `LibTorch computes the same from weights of every type`(@TempDir folder: File) {
        val here = System.getProperty("os.name") == "Linux" && System.getProperty("os.arch") == "amd64"
        assumeTrue(here) { "not run: its library is for x86-64 Linux" }
        val models = File("../pytorch/src/test/resources")
        val inputs = File(folder, "in").apply { mkdir() }
        NdArray(longArrayOf(1, 1, 6, 6), FloatArray(36) { -1 + 2 * it / 35f }).write(File(inputs, "image.npy"))
        val report = File(folder, "report.json")
        val code = commandLine().execute(
            "report",
            "$models/tiny.pt",
            "$models/tiny.frz",
            "$inputs",
            "-o",
            "$report",
            "--engine",
            "djl"
        )
        assertEquals(0, code)
        val runtime = JsonParser.parseString(report.readText()).asJsonObject.getAsJsonObject("runtime")
        assertEquals("djl-libtorch", runtime["name"].asString)
        val expected = File(models, "tiny.expected.txt").readLines().map { it.toFloat() }.toFloatArray()
        assertArrayEquals(expected, NdArray.read(File(folder, "image.out.npy")).values, 2e-4f)
    }
}
