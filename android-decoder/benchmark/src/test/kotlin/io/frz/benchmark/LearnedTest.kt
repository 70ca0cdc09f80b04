package io.frz.benchmark

import io.frz.FrzFile
import io.frz.benchmark.internal.LearningTest
import io.frz.elm.HiddenLayer
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Learns digits from Python's test data, and compares the outputs with those of Python's solution. */
class LearnedTest {
    @TempDir
    private lateinit var folder: File

    private val resources = File("../elm/src/test/resources")

    private fun bytes(file: FrzFile, name: String): ByteArray {
        val buffer = file.load(name).buffer
        return ByteArray(buffer.remaining()).also(buffer::get)
    }

    @Test
    fun `learning yields the same outputs as in Python`() {
        File(resources, "digits.frz").copyTo(File(folder, "layer.frz"))
        val layer = FrzFile.open(File(folder, "layer.frz")).use(HiddenLayer::of)
        val manifest = FrzFile.open(File(resources, "digits.expected.frz")).use { file ->
            val images = bytes(file, "images")
            val labels = bytes(file, "labels")
            val doubles = file.load("weights").buffer.asDoubleBuffer()
            val weights = DoubleArray(doubles.remaining()) { doubles[it] }
            val test = (400 until 450).map { images.copyOfRange(64 * it, 64 * it + 64) }
            val outputs = test.flatMap { image ->
                val features = layer.features(image)
                (0 until 10).map { kind -> features.indices.sumOf { features[it] * weights[10 * it + kind] }.toFloat() }
            }
            val assets = AssetsFolder(folder)
            val learning = mapOf(
                "layer" to "layer.frz",
                "tolerance" to 1e-4,
                "train" to assets.tensor("x", listOf(400, 64), floats(images.copyOf(400 * 64))),
                "train_labels" to assets.tensor("y", listOf(400), floats(labels.copyOf(400))),
                "test" to assets.tensor("tx", listOf(50, 64), floats(test.reduce(ByteArray::plus))),
                "test_labels" to assets.tensor("ty", listOf(50), floats(labels.copyOfRange(400, 450))),
                "outputs" to assets.tensor("to", listOf(50, 10), outputs.toFloatArray())
            )
            assets.network("a", "1 1", "1 1").write("learning" to learning)
        }
        val result = LearningTest(manifest, manifest.learning!!, FakeDevice()).run()
        assertEquals(400, result.examples)
        assertNull(result.failure)
        assertEquals(50, result.millis.size)
        assertTrue(result.footprint!!.heap > 0)
        assertEquals(31.5, result.heat.temperature)
        assertTrue(result.error <= result.tolerance, "${result.error}")
        assertTrue(result.accuracy >= 0.8, "${result.accuracy}")
        val suite = Suite(manifest, listOf(FakeRuntime("one")), FakeDevice(), Producer("test", "1", 1))
        assertTrue("\"learning\"" in suite.run(SuiteOptions.SHORT).toJson())
    }

    private fun floats(bytes: ByteArray) = FloatArray(bytes.size) { (bytes[it].toInt() and 0xFF).toFloat() }
}
