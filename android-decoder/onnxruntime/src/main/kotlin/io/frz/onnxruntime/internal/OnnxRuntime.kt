package io.frz.onnxruntime.internal

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
import io.frz.onnxruntime.FrzSession
import io.frz.onnxruntime.FrzSessionSetup

/** Loads networks into ONNX Runtime, with session options from [setup]. */
internal class OnnxRuntime(private val setup: FrzSessionSetup) {
    /** See [FrzRuntime.start]. */
    fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): FrzSession {
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

    private fun create(
        environment: OrtEnvironment,
        skeleton: ByteArray,
        options: SessionOptions,
        weights: Weights,
        load: FrzLoad
    ): FrzSession {
        val contract = weights.contract
        val inputs = Tensors(load.memory(contract.inputBytes))
        var session: OrtSession? = null
        try {
            val created = Tensors(load.memory(contract.initializerBytes)).use { initializers ->
                fun of(name: String) = if (name in contract.inputs) inputs else initializers
                for ((name, buffer) in weights.rebuild { of(it).memory }) {
                    of(name).add(name, buffer, contract.wanted.getValue(name), environment)
                }
                // Even without initializers, this fails if the app has closed the options; native code would read them.
                options.addExternalInitializers(initializers.all)
                load.checkCancelled()
                environment.createSession(skeleton, options).also { session = it }
            }
            load.checkCancelled()
            return FrzSession(created, inputs)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            inputs.use { session?.close() }
            throw e
        }
    }

    private inline fun guarded(create: () -> FrzSession): FrzSession = try {
        create()
    } catch (e: OrtException) {
        throw failure(e)
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
