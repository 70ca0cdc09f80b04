package io.frz.pytorch.internal

import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import java.io.File
import org.pytorch.Module

/** Loads networks into the lite interpreter. A skeleton that is not a file is copied to [cache]. */
internal class LiteInterpreter(private val cache: File?) : FrzRuntime<Module> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Module {
        val file = skeleton.file ?: SkeletonCache(checkNotNull(cache)).file(skeleton.bytes)
        load.checkCancelled()
        val module = Native.start(file)
        var complete = false
        try {
            HandOver(module, weights, load).run()
            complete = true
            return module
        } finally {
            if (!complete) module.destroy()
        }
    }

    override fun free(network: Module) = network.destroy()
}
