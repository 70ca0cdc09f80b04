package io.frz.host

import ai.onnxruntime.OrtSession.SessionOptions.OptLevel
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.loading.FrzPart
import io.frz.onnxruntime.FrzSession
import java.io.File
import java.io.RandomAccessFile
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Compares ways to create an ONNX Runtime session of LeNet-5. */
class LoadingTest {
    @TempDir
    private lateinit var folder: File

    private val skeleton = File("../onnxruntime/src/test/resources/lenet5.onnx")
    private val weights = File("../../examples/lenet5.frz")

    /** The network and its weights, as ONNX Runtime writes them. */
    private val complete by lazy {
        val file = File(folder, "complete.onnx")
        FrzSession.loaderOf(FrzPart.of(skeleton), FrzPart.of(weights)) {
            it.setOptimizationLevel(OptLevel.NO_OPT)
            it.setOptimizedModelFilePath(file.path)
        }.load().close()
        file
    }

    private fun json(text: String): JsonObject = JsonParser.parseString(text).asJsonObject

    @Test
    fun `every way creates a session, whose time and memory are printed`() {
        for (delivery in Delivery.values()) {
            val (code, out, err) = host("load", skeleton, weights, complete, "--from", delivery)
            assertEquals(0, code, err)
            for (prefix in listOf("first", "tenth")) {
                assertTrue(json(out)["${prefix}_ms"].asDouble > 0)
                assertTrue(json(out)["${prefix}_processor_ms"].asDouble >= 0)
                assertTrue(json(out)["${prefix}_heap_bytes"].asLong >= 0)
                assertTrue(json(out)["${prefix}_peak_bytes"].asLong >= 0)
            }
        }
    }

    @Test
    fun `only the model that is read into an array takes its size on the heap`() {
        val args = arrayOf<Any>(skeleton, weights, complete, "--runs", 1, "--without", "NchwcTransformer")
        val (code, out, err) = host("loading", *args, "--json")
        assertEquals(0, code, err)
        val found = json(out)
        assertEquals(Delivery.values().map { it.name.lowercase() }.toSet(), found.keySet())
        fun heap(name: String) = found.getAsJsonObject(name)["tenth_heap_bytes"].asLong
        assertTrue(heap("bytes") >= complete.length() && heap("mapped") < complete.length() / 2, out)
    }

    @Test
    fun `ways that fail are reported, and the others are measured`() {
        val large = File(folder, "large.onnx")
        RandomAccessFile(large, "rw").use { it.setLength(100L shl 20) }
        val (code, out, _) = host("loading", skeleton, weights, large, "--runs", 1, "--heap", 64)
        assertEquals(1, code)
        val rows = out.trim().lines()
        assertEquals(1 + Delivery.values().size, rows.size)
        assertTrue("1.00 ×" in rows.first { it.startsWith(Delivery.FRZ.label) }, out)
        assertTrue("out of memory" in rows.first { it.startsWith(Delivery.BYTES.label) }, out)
        assertTrue("ONNX Runtime cannot load" in rows.first { it.startsWith(Delivery.FILE.label) }, out)
    }

    @Test
    fun `mistakes are reported in one line`() {
        val (code, _, err) = host("loading", skeleton, weights, File(folder, "none.onnx"))
        assertEquals(2, code)
        assertTrue("none.onnx: no such file" in err && err.trim().lines().size == 1, err)
        assertEquals(2, host("loading", skeleton, weights, complete, "--runs", 0).code)
        assertEquals(2, host("loading", skeleton, weights, complete, "--heap", 0).code)
        // ONNX Runtime also prints a warning, because it does not know where the weights of the skeleton are.
        val (_, out, _) = host("loading", skeleton, skeleton, skeleton, "--runs", 1, "--json")
        fun failure(delivery: Delivery) = json(out).getAsJsonObject(delivery.name.lowercase())["failure"].asString
        assertTrue(failure(Delivery.FRZ).startsWith("$skeleton: MAGIC: "), out)
        for (delivery in listOf(Delivery.BYTES, Delivery.MAPPED)) {
            assertTrue(failure(delivery).startsWith("ONNX Runtime cannot load $skeleton: "), out)
        }
    }
}
