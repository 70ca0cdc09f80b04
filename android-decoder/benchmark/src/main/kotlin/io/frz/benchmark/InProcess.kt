package io.frz.benchmark

import androidx.annotation.WorkerThread
import io.frz.benchmark.internal.Scale
import io.frz.benchmark.internal.Tensors
import io.frz.benchmark.internal.bytes
import io.frz.benchmark.internal.load
import java.io.IOException
import kotlin.math.roundToLong

/**
 * Measures trials in this process. The native memory of a trial is unknown if it is less than the size of the files:
 * the process has then reused memory that earlier work had left behind.
 */
public class InProcess(
    private val manifest: Manifest,
    private val runtimes: List<BenchmarkRuntime>,
    private val device: Device
) : Isolation {
    @Throws(IOException::class)
    @WorkerThread
    override fun measure(trial: Trial): Footprint {
        val network = manifest.network(trial.network)
        val variant = network.variants.firstOrNull { it.name == trial.variant }
            ?: throw BenchmarkException("${network.name} has no variant \"${trial.variant}\"")
        val runtime = runtimes.firstOrNull { it.name == trial.runtime }
            ?: throw BenchmarkException("there is no runtime \"${trial.runtime}\" in this build")
        val input = input(network, trial.height)
        val scale = Scale(device)
        load(manifest, variant, runtime).use { loaded ->
            scale.loaded()
            loaded.run(input)
            val found = scale.read()
            val least = bytes(manifest, variant, runtime)
            return Footprint(found.native?.takeIf { it >= least }, found.heap)
        }
    }

    /** Returns the first input or, if [height] is not null, an arbitrary input of that height. */
    private fun input(network: NetworkAssets, height: Int?): Values {
        val shape = network.inputs.shape.clone().also { it[0] = 1 }
        if (height == null) return Tensors(manifest.folder).samples(network.inputs).first()
        val aspect = shape[3].toDouble() / shape[2]
        shape[2] = height.toLong()
        shape[3] = width(height, aspect)
        return Values(shape, FloatArray(shape.fold(1L, Long::times).toInt()) { (it % PERIOD) / PERIOD.toFloat() })
    }

    internal companion object {
        private const val PERIOD = 251
        private const val MULTIPLE = 16

        /** Returns the width of an input of this [height], a multiple of 16. */
        fun width(height: Int, aspect: Double): Long = (height * aspect / MULTIPLE).roundToLong() * MULTIPLE
    }
}
