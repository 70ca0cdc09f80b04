package io.frz.benchmark.internal

import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.InProcess
import io.frz.benchmark.Isolation
import io.frz.benchmark.MemoryAssets
import io.frz.benchmark.MemoryResult
import io.frz.benchmark.MemorySeries
import io.frz.benchmark.MemoryStep
import io.frz.benchmark.Trial

/** Runs a network at growing resolutions until its memory exceeds the limit. */
internal class MemoryTest(
    private val assets: MemoryAssets,
    private val runtime: BenchmarkRuntime,
    private val isolation: Isolation
) {
    fun run() = MemoryResult(runtime, assets.limit, assets.variants.map(::series))

    private fun series(variant: String): MemorySeries {
        val steps = ArrayList<MemoryStep>()
        for (height in assets.sides) {
            checkInterrupted()
            var native: Long? = null
            val reason = failure {
                native = isolation.measure(Trial(assets.network, variant, runtime.name, height)).native
            }
            val peak = native ?: return MemorySeries(variant, steps, reason ?: UNKNOWN)
            steps.add(MemoryStep(height, InProcess.width(height, assets.aspect), peak))
            if (peak > assets.limit) break
        }
        return MemorySeries(variant, steps, null)
    }

    private companion object {
        const val UNKNOWN = "the peak memory is unknown"
    }
}
