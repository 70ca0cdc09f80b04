package io.frz.pytorch.internal

import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import java.io.File
import org.pytorch.Module

/**
 * Loads networks into the lite interpreter. It reads modules only from files, so skeletons are copied: to [cache],
 * where the next load finds them, or, if it is null, to a temporary file. It never reads the app's own file, which
 * could be replaced after its checksum has been verified.
 */
internal class LiteInterpreter(private val cache: File?) : FrzRuntime<Module> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Module {
        val module = start(skeleton.bytes, load)
        var complete = false
        try {
            HandOver(module, weights, load).run()
            complete = true
            return module
        } finally {
            if (!complete) module.destroy()
        }
    }

    private fun start(skeleton: ByteArray, load: FrzLoad): Module {
        val start = { file: File ->
            load.checkCancelled()
            Native.start(file)
        }
        if (cache != null) return start(SkeletonCache(cache).file(skeleton))
        return SkeletonCache(File(System.getProperty("java.io.tmpdir"))).once(skeleton, start)
    }

    override fun free(network: Module) = network.destroy()
}
