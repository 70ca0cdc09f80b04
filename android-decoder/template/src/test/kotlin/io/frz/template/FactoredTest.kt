package io.frz.template

import io.frz.ErrorCode
import io.frz.FrzException
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
    fun `the memory for bases counts toward the budget`() {
        val options = FrzLoadOptions.builder().memoryBudget(6000).build()
        val fault = assertThrows(FrzException::class.java) { fill(template, weights, options) }
        assertEquals(ErrorCode.BUDGET, fault.code)
        val large = assertThrows(FrzException::class.java) { fill(bytes("large.frt"), weights) }
        assertEquals(ErrorCode.BUDGET, large.code)
    }
}
