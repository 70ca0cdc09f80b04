package io.frz.onnxruntime.internal

import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import io.frz.onnxruntime.FrzSession
import io.frz.onnxruntime.FrzSessionSetup

/** Uses [OnnxRuntime], a class that a virtual machine refuses to load if the app lacks ONNX Runtime. */
internal class OptionalRuntime(private val setup: FrzSessionSetup) : FrzRuntime<FrzSession> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): FrzSession = try {
        OnnxRuntime(setup).start(skeleton, weights, load)
    } catch (e: LinkageError) {
        throw FrzLoadException(
            FrzLoadException.Kind.RUNTIME_MISSING,
            "this app lacks ONNX Runtime, or its native libraries for this processor; " +
                "add com.microsoft.onnxruntime:onnxruntime-android with the native libraries of its ABI: $e",
            e
        )
    }

    override fun free(network: FrzSession) = network.close()
}
