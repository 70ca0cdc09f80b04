package io.frz.host

import com.google.gson.JsonParser
import java.io.File
import kotlin.io.path.createTempDirectory
import org.junit.jupiter.api.Assertions.assertEquals

/** Returns the output for [input] as `frz-host report` with [options] writes it, after checking that [runtime] ran. */
internal fun reported(
    runtime: String,
    skeleton: File,
    weights: File,
    input: NdArray,
    vararg options: String
): FloatArray {
    val folder = createTempDirectory().toFile()
    try {
        val inputs = File(folder, "in").apply { mkdir() }
        input.write(File(inputs, "x.npy"))
        val report = File(folder, "report.json")
        val arguments = listOf(skeleton, weights, inputs, "-o", report, *options).map { "$it" }
        assertEquals(0, FrzHost().commandLine().execute("report", *arguments.toTypedArray()))
        val facts = JsonParser.parseString(report.readText()).asJsonObject.getAsJsonObject("runtime")
        assertEquals(runtime, facts["name"].asString)
        return NdArray.read(File(folder, "x.out.npy")).values
    } finally {
        folder.deleteRecursively()
    }
}
