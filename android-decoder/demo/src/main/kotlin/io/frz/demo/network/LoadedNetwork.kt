package io.frz.demo.network

import android.content.Context
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzProgress
import io.frz.pytorch.FrzModule
import java.io.Closeable
import java.io.IOException
import org.pytorch.IValue
import org.pytorch.Module
import org.pytorch.PyTorchAndroid
import org.pytorch.Tensor

/** How a network runs. */
internal enum class Form {
    /** As the app ships it: on coefficients if that is faster, otherwise on rebuilt weights. */
    COMPRESSED,

    /** On rebuilt weights, as in an app without frformat. */
    DENSE
}

/**
 * A network that is ready to run: its skeleton contains the weights in [NetworkInfo.weights].
 *
 * The constructor blocks while it loads the network; interrupting the thread stops loading.
 *
 * @param level the tier to load, or null for the largest
 */
internal class LoadedNetwork
@Throws(IOException::class)
constructor(
    private val context: Context,
    val info: NetworkInfo,
    val form: Form,
    level: Int?,
    progress: FrzProgress
) : Closeable {
    val skeleton: String = if (form == Form.DENSE) info.dense!! else info.skeleton
    val skeletonBytes = size(context, skeleton)
    val fileBytes = size(context, info.weights)

    /** The size of the rebuilt weights in bytes. */
    val weightsBytes: Long
    val tier: Int
    val tiers: Int

    /** The time from opening the assets until the module is ready to run, in milliseconds. */
    val loadTime: Double

    /** The part of [loadTime] that passes before the first weight is decoded, in milliseconds. */
    val skeletonTime: Double

    /** The time of the first run, which is slower than later ones, in milliseconds; null before that run. */
    var firstForward: Double? = null
        private set

    val before = Memory()
    val after: Memory

    private val module: Module

    init {
        val options = FrzOptions.builder()
        level?.let { options.tier(it) }
        open(options.build()).use { file ->
            weightsBytes = file.tensors.sumOf { it.bytes }
            tier = file.tier
            tiers = file.tiersPresent
        }
        val start = System.nanoTime()
        var first = start
        val loading = FrzLoadOptions.builder().threads(THREADS).tier(tier).progress { done, total ->
            if (done == 0L) first = System.nanoTime()
            progress.onProgress(done, total)
        }
        module = FrzModule.loader(context, skeleton, info.weights).load(loading.build())
        loadTime = (System.nanoTime() - start) / NANOSECONDS
        skeletonTime = (first - start) / NANOSECONDS
        after = Memory()
    }

    /** The bytes that an app ships for the network in this form: the skeleton, and compressed or plain weights. */
    val shippedBytes: Long
        get() = skeletonBytes + if (form == Form.DENSE) weightsBytes else info.tiers.getOrNull(tier)?.bytes ?: fileBytes

    /** Runs the network on [input] and measures the time. */
    fun run(input: Tensor): Run {
        PyTorchAndroid.setNumThreads(1) // The many small steps of a factored network gain little from more threads.
        val start = System.nanoTime()
        val output = module.forward(IValue.from(input)).toTensor()
        val time = (System.nanoTime() - start) / NANOSECONDS
        if (firstForward == null) firstForward = time
        return Run(Output(output, info), time, Memory())
    }

    /** Returns the time in milliseconds to decode what the skeleton receives, without passing it on. */
    @Throws(IOException::class)
    fun decodeTime(): Double = open(FrzOptions.builder().threads(THREADS).tier(tier).build()).use { file ->
        val start = System.nanoTime()
        if (form == Form.COMPRESSED && info.factored) {
            for (tensor in file.tensors) if (tensor.form != null) file.coefficients(tensor.name)
        } else {
            file.forEach { }
        }
        (System.nanoTime() - start) / NANOSECONDS
    }

    override fun close(): Unit = module.destroy()

    private fun open(options: FrzOptions) = context.assets.open(info.weights).use { FrzFile.open(it, options) }

    /** The result of one run: its output, its time in milliseconds, and the memory in use afterwards. */
    class Run(val output: Output, val time: Double, val memory: Memory)

    private companion object {
        const val NANOSECONDS = 1e6

        /** The number of threads. Additional threads do not help on phones whose other cores are slow. */
        val THREADS = minOf(2, Runtime.getRuntime().availableProcessors())

        fun size(context: Context, asset: String): Long = context.assets.openFd(asset).use { it.length }
    }
}
