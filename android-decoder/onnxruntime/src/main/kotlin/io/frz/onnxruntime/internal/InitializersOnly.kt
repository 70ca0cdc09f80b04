package io.frz.onnxruntime.internal

import ai.onnxruntime.OrtSession
import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton

/** Uses [runtime] to load networks whose weights are initializers. Their sessions do not take weights as inputs. */
internal class InitializersOnly(private val runtime: OnnxRuntime) : FrzRuntime<OrtSession> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): OrtSession {
        val contract = Contract.of(skeleton.bytes)
        if (contract.inputs.isEmpty()) return runtime.start(contract, skeleton, weights, load).session
        throw FrzLoadException(
            Kind.SKELETON_UNSUPPORTED,
            "the weights of this skeleton are inputs; load it with FrzInputSession, " +
                "or export it again without --weights-as-inputs"
        )
    }

    override fun free(network: OrtSession) = network.close()
}
