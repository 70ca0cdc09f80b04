package io.frz.template

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.util.concurrent.TimeUnit
import kotlin.experimental.xor
import kotlin.random.Random
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Runs the tests with values that are tensors and normalizations. */
class FaultTest : Faults("synthetic")

/** Runs the tests with values that are coefficients, cores and bases. */
class FactoredFaultTest : Faults("factored")

/** Checks that damaged weights, swapped parts, cancellation and killed processes do no harm. */
abstract class Faults(name: String) : OnSynthetic(name) {
    @Test
    fun `every cut and every flipped byte of weights is an error of the decoder`() {
        for (at in weights.indices) {
            assertThrows(FrzException::class.java, { fill(template, weights.copyOf(at)) }, "cut at $at")
            val flipped = weights.clone().also { it[at] = it[at] xor (1 shl at % Byte.SIZE_BITS).toByte() }
            assertThrows(FrzException::class.java, { fill(template, flipped) }, "byte $at")
        }
    }

    @Test
    fun `swapped parts are recognized`() {
        val swapped = assertThrows(FrzLoadException::class.java) { fill(weights, template) }
        assertEquals(Kind.SKELETON_DAMAGED, swapped.kind)
        val magic = assertThrows(FrzException::class.java) { fill(template, template) }
        assertEquals(ErrorCode.MAGIC, magic.code)
    }

    @Test
    fun `an interrupt cancels at every step and leaves no file`(@TempDir folder: File) {
        val steps = ArrayList<Long>()
        fill(template, weights, FrzLoadOptions.builder().progress { done, _ -> steps += done }.build())
        assertTrue(steps.size > 2)
        for (step in steps) {
            val options = FrzLoadOptions.builder().progress { done, _ ->
                if (done == step) Thread.currentThread().interrupt()
            }.build()
            val fills = listOf(
                { fill(template, weights, options) },
                { FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), folder).load(options) }
            )
            for (each in fills) {
                assertEquals(Kind.CANCELLED, assertThrows(FrzLoadException::class.java) { each() }.kind, "$step")
                assertTrue(Thread.interrupted())
            }
            assertEquals(0, folder.list()!!.size)
        }
    }

    @Test
    fun `a process killed while filling leaves nothing that is trusted`(@TempDir folder: File) {
        repeat(3) { round ->
            val child = ProcessBuilder(
                File(System.getProperty("java.home"), "bin/java").path,
                "-cp",
                System.getProperty("java.class.path"),
                "io.frz.template.FillForeverKt",
                folder.path,
                name
            ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
            child.inputStream.read() // Waits until the process has filled one file.
            TimeUnit.MILLISECONDS.sleep(Random(round).nextLong(50))
            child.destroyForcibly().waitFor()
            val file = FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), folder).load()
            assertArrayEquals(bytes("$name.bin"), file.readBytes())
            val complete = folder.listFiles()!!.filterNot { it.name.endsWith(".partial") }
            for (each in complete) assertArrayEquals(bytes("$name.bin"), each.readBytes())
        }
    }
}
