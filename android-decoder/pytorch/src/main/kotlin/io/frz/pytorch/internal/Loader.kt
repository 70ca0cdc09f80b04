package io.frz.pytorch.internal

import io.frz.FrzException
import io.frz.FrzFile
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind
import io.frz.pytorch.FrzModuleOptions
import io.frz.pytorch.FrzPart
import java.io.File
import java.io.IOException
import org.pytorch.Module

/** Starts skeletons and passes weights to them. */
internal class Loader(private val options: FrzModuleOptions, private val cancellation: Cancellation) {
    /** Loads a module; a skeleton that is not a file is copied to [cache]. */
    fun load(skeleton: FrzPart, weights: FrzPart, cache: File?): Module = try {
        cancellation.check()
        val file = fileOf(skeleton, cache)
        opened(weights) { frz ->
            cancellation.check()
            complete(Native.start(file)) { handOver(it, frz) }
        }
    } finally {
        FrzPart.close(listOf(skeleton, weights))
    }

    /** Replaces the weights of [module]. */
    fun loadWeights(module: Module, weights: FrzPart): Unit = try {
        opened(weights) { handOver(module, it) }
    } finally {
        FrzPart.close(listOf(weights))
    }

    /** The file of a verified skeleton. */
    private fun fileOf(skeleton: FrzPart, cache: File?): File {
        val bytes = reading("the skeleton") { skeleton.read() }
        Skeleton.check(bytes)
        return skeleton.file ?: SkeletonCache(checkNotNull(cache)).file(bytes)
    }

    private inline fun <T> opened(weights: FrzPart, use: (FrzFile) -> T): T = reading("the weights") {
        val file = weights.open(options.decoding())
        try {
            use(file)
        } finally {
            try {
                file.close()
            } catch (_: IOException) {
                // Nothing more will be read from it.
            }
        }
    }

    private fun handOver(module: Module, frz: FrzFile) = HandOver(module, frz, options, cancellation).run()

    /** Returns [module] after [fill]; destroys it if that fails. */
    private inline fun complete(module: Module, fill: (Module) -> Unit): Module {
        var complete = false
        try {
            fill(module)
            complete = true
            return module
        } finally {
            if (!complete) module.destroy()
        }
    }

    private inline fun <T> reading(what: String, read: () -> T): T = try {
        read()
    } catch (e: FrzException) {
        throw e
    } catch (e: FrzModuleException) {
        throw e
    } catch (e: IOException) {
        if (cancellation.isCancelled) throw Cancellation.failure(e)
        throw FrzModuleException(Kind.UNREADABLE, "$what cannot be read: ${e.message ?: e}", e)
    }
}
