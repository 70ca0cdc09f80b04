package io.frz.pytorch

import io.frz.host.LiteRuntime
import io.frz.loading.FrzPart
import java.io.File
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.BeforeAll
import org.pytorch.IValue
import org.pytorch.Module
import org.pytorch.Tensor

/** The base class of tests that use the lite interpreter. If it cannot run, they are skipped by default, or fail. */
abstract class OnRuntime {
    companion object {
        val expected: FloatArray = resource("tiny.expected.txt").readLines().map { it.toFloat() }.toFloatArray()

        @JvmStatic
        @BeforeAll
        fun start() {
            val obstacle = LiteRuntime.obstacle
            if (System.getProperty("frz.native.required") == "true") assertNull(obstacle)
            assumeTrue(obstacle == null) { "not run: PyTorch Mobile cannot run here: $obstacle" }
            LiteRuntime.start()
        }

        fun resource(name: String) = File(OnRuntime::class.java.getResource("/$name")!!.toURI())

        fun part(name: String): FrzPart = FrzPart.of(resource(name))

        /** Returns the output of the network `tiny` for its example input. */
        fun outputOf(tiny: Module): FloatArray {
            val image = FloatArray(36) { -1 + 2 * it / 35f }
            return run(tiny, image, 1, 1, 6, 6)
        }

        /** Returns the output of the network `wide` for an input of ones. */
        fun wideOutputOf(wide: Module): FloatArray = run(wide, FloatArray(1024) { 1f }, 1, 1024)

        fun run(module: Module, input: FloatArray, vararg shape: Long): FloatArray =
            module.forward(IValue.from(Tensor.fromBlob(input, shape))).toTensor().dataAsFloatArray

        /** Checks that [tiny] returns the same output as on the desktop, and destroys it. */
        fun check(tiny: Module) {
            assertArrayEquals(expected, outputOf(tiny), 2e-4f)
            tiny.destroy()
        }
    }
}
