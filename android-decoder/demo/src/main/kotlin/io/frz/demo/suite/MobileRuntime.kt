package io.frz.demo.suite

import android.content.Context
import io.frz.benchmark.BenchmarkNetwork
import io.frz.benchmark.BenchmarkRuntime
import io.frz.benchmark.Values
import io.frz.demo.R
import io.frz.pytorch.FrzModule
import java.io.File
import org.pytorch.IValue
import org.pytorch.LiteModuleLoader
import org.pytorch.Module
import org.pytorch.PyTorchAndroid
import org.pytorch.Tensor

/** PyTorch Mobile, on one thread, as the benchmark suite uses it. */
internal class MobileRuntime(context: Context) : BenchmarkRuntime {
    override val name: String = context.getString(R.string.runtime)
    override val version: String = context.getString(R.string.runtime_version)
    override val extension: String get() = "ptl"

    override fun loadComplete(model: File): BenchmarkNetwork = Network(LiteModuleLoader.load(model.path))

    override fun load(skeleton: File, weights: File): BenchmarkNetwork =
        Network(FrzModule.loaderOf(skeleton, weights).load())

    private class Network(private val module: Module) : BenchmarkNetwork {
        init {
            PyTorchAndroid.setNumThreads(THREADS)
        }

        override fun run(input: Values): Values {
            val output = module.forward(IValue.from(Tensor.fromBlob(input.elements, input.shape))).toTensor()
            return Values(output.shape(), output.dataAsFloatArray)
        }

        override fun close() = module.destroy()
    }

    internal companion object {
        /** The number of threads; with one, results are easier to reproduce. */
        const val THREADS = 1
    }
}
