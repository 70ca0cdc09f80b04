package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import io.frz.onnxruntime.internal.Lengths
import java.nio.FloatBuffer
import java.nio.LongBuffer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that runs fail for lengths of inputs for which a skeleton is not valid. */
class LengthsTest : OnRuntime() {
    private fun load() = FrzSession.loaderOf(part("lengths.onnx"), part("lengths.frz")).load()

    private fun <T> withZeros(vararg shape: Long, use: (OnnxTensor) -> T): T {
        val elements = FloatBuffer.allocate(shape.fold(1L) { product, n -> product * n }.toInt())
        return OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), elements, shape).use(use)
    }

    @Test
    fun `other valid lengths than the example's return the same outputs as in PyTorch`() = check(load(), "lengths")

    @Test
    fun `lengths that the network decides by are checked on every run`() = load().use { session ->
        for (length in 1L..12L) {
            val isValid = length % 2 == 0L && length >= 4
            val failed = runCatching {
                withZeros(length, 3) { x -> session.run(mapOf("x" to x)).use { it.size() } }
            }.exceptionOrNull()
            if (isValid) {
                assertNull(failed, "$length")
            } else {
                val refused = failed as FrzLengthException
                assertEquals(if (length % 2 == 1L) "x.shape[0] % 2 == 0" else "x.shape[0] >= 4", refused.rule)
                assertEquals(mapOf("x" to listOf(length, 3L)), refused.shapes)
                val message = "x has shape [$length, 3], but this model requires ${refused.rule}"
                assertEquals(message, refused.message)
            }
        }
    }

    @Test
    fun `apps that use ONNX Runtime directly see the rule, too`() = load().use { session ->
        val failed = withZeros(5, 3) { x ->
            assertThrows(OrtException::class.java) { session.session.run(mapOf("x" to x)).close() }
        }
        assertTrue("frz: x.shape[0] % 2 == 0" in failed.message!!, failed.message)
    }

    @Test
    fun `elements of inputs that are no valid indices are reported in the same way`() {
        val environment = OrtEnvironment.getEnvironment()
        FrzSession.loaderOf(part("lookup.onnx"), part("lookup.frz")).load().use { session ->
            for (index in listOf(9L, 10L, -1L)) {
                val words = OnnxTensor.createTensor(environment, LongBuffer.wrap(longArrayOf(index)), longArrayOf(1, 1))
                val run = { x: OnnxTensor -> session.run(mapOf("words" to words, "scale" to x)).close() }
                words.use {
                    withZeros(1, 4) { x ->
                        if (index == 9L) return@withZeros run(x)
                        val refused = assertThrows(FrzLengthException::class.java) { run(x) }
                        assertEquals("0 <= words < 10", refused.rule)
                    }
                }
            }
        }
    }

    @Test
    fun `fixed lengths are reported in the same way`() = load().use { session ->
        val refused = withZeros(4, 2) { x ->
            assertThrows(FrzLengthException::class.java) { session.run(mapOf("x" to x)).close() }
        }
        assertEquals("x has shape [4, 2], but this model requires x.shape[1] == 3", refused.message)
    }

    @Test
    fun `rules about computed numbers name all inputs, and other failures have no rule`() {
        withZeros(2, 3) { x ->
            val error = OrtException("running Reshape node. Name:'frz: y.item() < 4' Status Message: no")
            assertEquals(mapOf("x" to listOf(2L, 3L)), Lengths.fault(error, mapOf("x" to x))!!.shapes)
            assertNull(Lengths.fault(OrtException("out of memory"), mapOf("x" to x)))
        }
    }
}
