package io.frz.host

import io.frz.benchmark.BenchmarkNetwork
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.Values
import io.frz.cli.shell.Failure
import io.frz.loading.FrzLoadOptions
import java.io.File
import java.io.IOException

/** Adapts an engine of this program to the benchmark suite. */
internal class HostRuntime private constructor(private val engine: Engine, override val extension: String) :
    BenchmarkRuntime {
    override val name: String get() = engine.name

    override val version: String get() = engine.version

    override fun loadComplete(model: File): BenchmarkNetwork = reporting { Network(engine.loadComplete(model)) }

    override fun load(skeleton: File, weights: File): BenchmarkNetwork =
        reporting { Network(engine.load(skeleton, weights, null, FrzLoadOptions.DEFAULT)) }

    private class Network(private val model: Model) : BenchmarkNetwork {
        override fun run(input: Values): Values = reporting {
            val output = model.forward(listOf(Input(input.shape, input.elements))).getValue(Model.OUTPUT)
            Values(output.shape, output.values)
        }

        override fun close() = model.close()
    }

    companion object {
        /** The engines that the suite measures, with the extensions of their models. */
        private val MEASURED = listOf(Engines.ORT to "onnx", Engines.LITE to "ptl")

        /** Returns the runtimes that can run here, and, by name, the reasons why the other runtimes cannot. */
        fun present(threads: Int): Pair<List<BenchmarkRuntime>, Map<String, String>> {
            val missing = LinkedHashMap<String, String>()
            val present = MEASURED.mapNotNull { (engines, extension) ->
                try {
                    HostRuntime(engines.create().also { it.setThreads(threads) }, extension)
                } catch (e: Failure) {
                    missing[engines.name.lowercase()] = e.message.orEmpty()
                    null
                }
            }
            return present to missing
        }

        private inline fun <T> reporting(work: () -> T): T = try {
            work()
        } catch (e: Failure) {
            throw IOException(e.message, e)
        }
    }
}
