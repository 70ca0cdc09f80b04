package io.frz.benchmark.internal

import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.BenchmarkNetwork
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.Device
import io.frz.benchmark.Footprint
import io.frz.benchmark.Isolation
import io.frz.benchmark.Manifest
import io.frz.benchmark.NetworkAssets
import io.frz.benchmark.NetworkResult
import io.frz.benchmark.SuiteOptions
import io.frz.benchmark.Trial
import io.frz.benchmark.Values
import io.frz.benchmark.Variant
import io.frz.benchmark.VariantResult
import java.io.File

/** Measures all variants of a network on a runtime. The variants run in turn, under equal conditions. */
internal class NetworkTest(
    private val manifest: Manifest,
    private val network: NetworkAssets,
    private val runtime: BenchmarkRuntime,
    device: Device,
    private val isolation: Isolation,
    private val options: SuiteOptions
) {
    private val thermometer = Thermometer(device)
    private val tensors = Tensors(manifest.folder)
    private val inputs by lazy { tensors.samples(network.inputs) }
    private val targets by lazy { tensors.rows(network.targets) }

    /** Returns the results. If a variant fails, the others are still measured. */
    fun run(): NetworkResult {
        val tries = network.variants.map { Try(it) }
        try {
            for (each in tries) each.attempt { prepare() }
            rounds(tries)
        } finally {
            for (each in tries) each.end()
        }
        val heat = thermometer.read()
        for (each in tries) each.attempt { weigh() }
        return NetworkResult(network, runtime, tries.map { it.result() }, heat)
    }

    private fun rounds(tries: List<Try>) {
        val start = System.nanoTime()
        var done = 0
        while (done < SuiteOptions.MOST_ROUNDS && (done < options.rounds || since(start) < 1e3 * options.seconds)) {
            checkInterrupted()
            for (each in tries) each.attempt { time() }
            thermometer.observe()
            done++
        }
    }

    /** A variant that is being measured or has failed. */
    private inner class Try(private val variant: Variant) {
        private val loads = ArrayList<Double>()
        private val firsts = ArrayList<Double>()
        private val times = ArrayList<Double>()
        private val error = Error()
        private var score = 0.0
        private var loaded: BenchmarkNetwork? = null
        private var footprint: Footprint? = null
        private var failed: String? = null

        /** Runs [step] unless an earlier one has failed; records its failure. */
        fun attempt(step: Try.() -> Unit) {
            if (failed != null) return
            checkInterrupted()
            failed = failure { step() }
            if (failed != null) end()
        }

        /** Loads the variant several times, and scores the model that was loaded last. */
        fun prepare() {
            val begun = System.nanoTime()
            while (loads.size < options.loads && (loads.isEmpty() || since(begun) < 1e3 * options.seconds)) {
                close()
                val start = System.nanoTime()
                val network = load(manifest, variant, runtime).also { loaded = it }
                loads.add(since(start))
                val begin = System.nanoTime()
                network.run(inputs[0])
                firsts.add(since(begin))
            }
            judge().use { judge ->
                val expected = tensors.rows(variant.outputs)
                for ((at, input) in inputs.withIndex()) {
                    val output = loaded().run(input)
                    error.add(output.elements, expected[at])
                    score += network.metric.score(judge?.run(output) ?: output, targets[at]) / inputs.size
                }
            }
        }

        /** Measures the time of one run. */
        fun time() {
            val start = System.nanoTime()
            loaded().run(inputs[0])
            times.add(since(start))
        }

        /** Measures the memory. */
        fun weigh() {
            footprint = isolation.measure(Trial(network.name, variant.name, runtime.name))
        }

        /** Frees the network after its last run. */
        fun end() {
            close()?.let { failed = failed ?: it }
        }

        /** Frees the network; returns why that failed, or null. */
        private fun close(): String? = closeAll(listOfNotNull(loaded)).also { loaded = null }

        fun result(): VariantResult {
            val size = bytes(manifest, variant, runtime)
            failed?.let { return VariantResult.failed(variant, size, it) }
            return VariantResult(
                variant.name, size, median(loads), median(firsts), times, error.relative, variant.tolerance, score,
                footprint
            )
        }

        /** Loads the classifier that scores the outputs, if there is one. */
        private fun judge(): BenchmarkNetwork? {
            if (network.judge.isEmpty()) return null
            val name = network.judge[runtime.extension]
                ?: throw BenchmarkException("the judge has no .${runtime.extension} model; make the assets again")
            return runtime.loadComplete(File(manifest.folder, name))
        }

        private fun loaded() = loaded ?: throw BenchmarkException("${variant.name} is not loaded")
    }
}
