package io.frz.onnxruntime.internal

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtException.OrtErrorCode
import ai.onnxruntime.OrtSession
import ai.onnxruntime.OrtSession.SessionOptions
import io.frz.FrzFile
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import io.frz.onnxruntime.FrzSessionSetup

/** Loads networks into ONNX Runtime, with session options from [setup]. */
internal class OnnxRuntime(private val setup: FrzSessionSetup) : FrzRuntime<OrtSession> {
    override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): OrtSession {
        val contract = Contract.of(skeleton.bytes)
        contract.misfit(weights)?.let { throw mismatch(it) }
        return guarded {
            val environment = OrtEnvironment.getEnvironment()
            SessionOptions().use { options ->
                if (contract.hasCoefficients) options.addConfigEntry(DISABLED, SLOW_IF_THIN)
                setup.configure(options)
                create(environment, skeleton.bytes, options, Weights(contract, weights, load), load)
            }
        }
    }

    override fun free(network: OrtSession) = network.close()

    private fun create(
        environment: OrtEnvironment,
        skeleton: ByteArray,
        options: SessionOptions,
        weights: Weights,
        load: FrzLoad
    ): OrtSession = weights.lend { buffers ->
        val given = LinkedHashMap<String, OnnxTensor>()
        try {
            for ((name, buffer) in buffers) {
                val wanted = weights.contract.wanted.getValue(name)
                given[name] = OnnxTensor.createTensor(environment, buffer, wanted.shape, wanted.type)
            }
            if (given.isNotEmpty()) options.addExternalInitializers(given.toMap())
            load.checkCancelled()
            val session = environment.createSession(skeleton, options)
            try {
                load.checkCancelled()
            } catch (e: FrzLoadException) {
                session.close()
                throw e
            }
            session
        } finally {
            given.values.forEach(OnnxTensor::close)
        }
    }

    private inline fun guarded(create: () -> OrtSession): OrtSession = try {
        create()
    } catch (e: OrtException) {
        throw failure(e)
    } catch (e: LinkageError) {
        throw FrzLoadException(
            Kind.RUNTIME_MISSING,
            "ONNX Runtime is not in this app, or not for this processor; " +
                "add com.microsoft.onnxruntime:onnxruntime-android with the native libraries of its ABI: $e",
            e
        )
    }

    companion object {
        private const val DISABLED = "optimization.disable_specified_optimizers"

        /** An optimization that pads the few channels of factored layers to 8 or 16. */
        private const val SLOW_IF_THIN = "NchwcTransformer"

        private val UNSUPPORTED = setOf(
            OrtErrorCode.ORT_INVALID_GRAPH,
            OrtErrorCode.ORT_INVALID_PROTOBUF,
            OrtErrorCode.ORT_NOT_IMPLEMENTED
        )

        private fun failure(e: OrtException): FrzLoadException {
            val reason = e.message.orEmpty().lineSequence().joinToString(" ") { it.trim() }
            return if (e.code in UNSUPPORTED) {
                FrzLoadException(
                    Kind.SKELETON_UNSUPPORTED,
                    "this version of ONNX Runtime cannot run the skeleton; " +
                        "export it again with `frformat export`: $reason",
                    e
                )
            } else {
                FrzLoadException(Kind.RUNTIME_FAILED, "ONNX Runtime cannot create a session: $reason", e)
            }
        }

        fun mismatch(problem: String) = FrzLoadException(
            Kind.MISMATCH,
            "the weights do not fit this skeleton: $problem; ship the skeleton and the .frz file of the same network"
        )
    }
}
