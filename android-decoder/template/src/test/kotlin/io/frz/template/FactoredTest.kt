package io.frz.template

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks templates whose values are coefficients, cores and bases. */
class FactoredTest : OnSynthetic("factored") {
    @Test
    fun `all implementations compute the same bits`() {
        assertArrayEquals(bytes("factored.bin"), content(fill(template, weights)))
    }

    @Test
    fun `coefficients must fit`() {
        val faults = mapOf(
            "fewer.frz" to "conv.weight: 20 coefficients in the file, 21 in the model; choose its tier",
            "dense.frz" to "conv.weight: no spectrum or factors in the file, coefficients in the model",
            "longer.frz" to "conv.weight: coefficients of form [9, 6, 3, 3] in the file, [8, 6, 3, 3] in the model",
            "large.frz" to "the coefficients of conv.weight yield a core that does not fit into f32"
        )
        for ((name, problem) in faults) {
            val fault = fault(template, bytes(name))
            assertEquals(Kind.MISMATCH, fault.kind, name)
            assertTrue(problem in fault.message!!, fault.message)
        }
    }

    @Test
    fun `malformed maps with a valid seal are refused`() = checkAlteredMaps()

    @Test
    fun `faulty values are refused`() {
        val faults = mapOf(
            "box.frt" to "does not suit its coefficients",
            "wide.frt" to "does not suit its coefficients",
            "turned.frt" to "cannot be expanded",
            "rows.frt" to "too few rows",
            "terms.frt" to "products",
            "spectrum.frt" to "is not a spectrum",
            "empty.frt" to "no basis functions",
            "coded.frt" to "has a scale, but coefficients",
            "axes.frt" to "have shape [3, 7]",
            "kept.frt" to "cannot have 1297 coefficients"
        )
        for ((name, problem) in faults) {
            val fault = fault(bytes("faulty/$name"))
            assertEquals(Kind.SKELETON_DAMAGED, fault.kind, name)
            assertTrue(problem in fault.message!!, "$name: ${fault.message}")
        }
    }

    @Test
    fun `the parts of a normalization can be coefficients`() = FrzFile.open(weights).use { file ->
        val others = file.tensors.map { it.name } + file.aliases.keys - "conv.weight"
        val map = Fields().text("test").text("test").number(4 * KEPT)
        map.numbers(1).text("conv.weight").numbers(1, KEPT, 4, 16, 12, 6, 6)
        map.numbers(1).real(100.0).numbers(1, 1, 0, 0) // The variance and the mean are conv.weight.
        map.numbers(1, 2, 0, 0) // The shift of the normalization.
        map.numbers(1, 0, 0, 0, 1, KEPT, 2).numbers(0, 0).texts(others)
        val filled = map.bytes.toByteArray().let { fill(template(it, it.size), weights) }.asFloatBuffer()
        val coefficients = file.coefficients("conv.weight").buffer.asFloatBuffer()
        for (i in 0 until KEPT.toInt()) {
            val mean = coefficients.get(i).toDouble()
            assertEquals(-mean / Math.sqrt(mean + 100), filled.get(i).toDouble(), 1e-6)
        }
    }

    @Test
    fun `the memory for bases counts toward the budget`() {
        val options = FrzLoadOptions.builder().memoryBudget(6000).build()
        val fault = assertThrows(FrzException::class.java) { fill(template, weights, options) }
        assertEquals(ErrorCode.BUDGET, fault.code)
        val large = assertThrows(FrzException::class.java) { fill(bytes("large.frt"), weights) }
        assertEquals(ErrorCode.BUDGET, large.code)
    }

    private companion object {
        const val KEPT = 21L
    }
}
