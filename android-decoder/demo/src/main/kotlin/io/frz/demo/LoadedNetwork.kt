package io.frz.demo

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
import org.pytorch.Tensor

/**
 * A network whose weights have been rebuilt from [NetworkInfo.weights] and passed to its skeleton.
 *
 * Loading blocks the calling thread; interrupting the thread stops loading.
 *
 * @param level the capacity level to load, or null for the highest
 */
internal class LoadedNetwork
@Throws(IOException::class)
constructor(
    context: Context,
    val info: NetworkInfo,
    level: Int?,
    progress: FrzProgress
) : Closeable {
    val skeletonBytes = size(context, info.skeleton)
    val fileBytes = size(context, info.weights)

    /** The number of bytes of the rebuilt weights. */
    val weightsBytes: Long
    val tier: Int
    val tiers: Int

    /** Milliseconds spent rebuilding all weights. */
    val decodeTime: Double

    /** Milliseconds from opening the assets until the module is ready to run. */
    val loadTime: Double

    /** The part of [loadTime] before the first weight, in milliseconds. */
    val skeletonTime: Double

    /** Milliseconds of the first run, which is slower than later ones. */
    var firstForward: Double? = null
        private set

    val before = Memory()
    val after: Memory

    private val module: Module

    init {
        val options = FrzOptions.builder().threads(THREADS)
        level?.let { options.tier(it) }
        context.assets.open(info.weights).use { FrzFile.open(it, options.build()) }.use { file ->
            weightsBytes = file.tensors.sumOf { it.bytes }
            tier = file.tier
            tiers = file.tiersPresent
            decodeTime = milliseconds { file.forEach { } }
        }
        val start = System.nanoTime()
        var first = start
        val loading = FrzLoadOptions.builder().threads(THREADS).tier(tier).progress { done, total ->
            if (done == 0L) first = System.nanoTime()
            progress.onProgress(done, total)
        }
        module = FrzModule.load(context, info.skeleton, info.weights, loading.build())
        loadTime = (System.nanoTime() - start) / NANOSECONDS
        skeletonTime = (first - start) / NANOSECONDS
        after = Memory()
    }

    /** Runs the network on [input] and measures the time. */
    fun run(input: Tensor): Run {
        val start = System.nanoTime()
        val output = module.forward(IValue.from(input)).toTensor()
        val time = (System.nanoTime() - start) / NANOSECONDS
        if (firstForward == null) firstForward = time
        return Run(Output(output, info), time, Memory())
    }

    override fun close(): Unit = module.destroy()

    /** One run: its output, the milliseconds that it took, and the memory in use afterwards. */
    class Run(val output: Output, val time: Double, val memory: Memory)

    private companion object {
        const val NANOSECONDS = 1e6

        /** The number of threads. Additional threads do not help on phones whose other cores are slow. */
        val THREADS = minOf(2, Runtime.getRuntime().availableProcessors())

        fun size(context: Context, asset: String): Long = context.assets.openFd(asset).use { it.length }

        inline fun milliseconds(work: () -> Unit): Double {
            val start = System.nanoTime()
            work()
            return (System.nanoTime() - start) / NANOSECONDS
        }
    }
}
