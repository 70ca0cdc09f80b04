package io.frz.template.internal

import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that computing values of any shape can be cancelled. */
class ComputedTest {
    private val many = 1L shl 19

    private fun axes(n: Long, r: Long) = Axes(longArrayOf(n), longArrayOf(r))

    /** Returns a core of shape ([a], [b]) in the box ([r], [s]). */
    private fun core(a: Long, b: Long, r: Long, s: Long, expanded: List<Int>, kept: Long = 1) =
        Core("w", kept, longArrayOf(a, b), longArrayOf(r, s), expanded)

    @Test
    fun `every computation asks regularly whether it is cancelled`() {
        for ((name, computed) in mapOf(
            "basis" to Basis(axes(2048, 1024)),
            "joint basis" to Basis(Axes(longArrayOf(1, 1024), longArrayOf(1, 1024))),
            "product" to Product(axes(2048, 2048), 0, axes(1, 1)),
            "core of long lines" to core(4, many, 1, many, listOf(0)),
            "core of many lines" to core(many, 4, many, 1, listOf(1)),
            "core of many coefficients" to core(1, many, 1, many, emptyList(), many)
        )) {
            var checks = 0
            computed.compute(FloatArray(many.toInt()).elements()) { checks++ }
            assertTrue(computed.steps / checks <= many, "$name: ${computed.steps} steps, $checks checks")
        }
    }
}
