package io.frz.benchmark.internal

import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.InProcess
import io.frz.benchmark.Isolation
import io.frz.benchmark.MemoryAssets
import io.frz.benchmark.MemoryResult
import io.frz.benchmark.MemorySeries
import io.frz.benchmark.MemoryStep
import io.frz.benchmark.Trial
import java.io.IOException
import java.io.InterruptedIOException

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
            val peak = try {
                isolation.measure(Trial(assets.network, variant, runtime.name, height)).native
            } catch (e: InterruptedIOException) {
                throw e
            } catch (e: IOException) {
                checkInterrupted() // An interrupted load is not a failure of the network.
                return MemorySeries(variant, steps, oneLine(e))
            } ?: return MemorySeries(variant, steps, "this device does not report the peak memory of a process")
            steps.add(MemoryStep(height, InProcess.width(height, assets.aspect), peak))
            if (peak > assets.limit) break
        }
        return MemorySeries(variant, steps, null)
    }
}
