package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OnnxTensorLike
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtException.OrtErrorCode
import ai.onnxruntime.OrtSession
import androidx.annotation.WorkerThread
import io.frz.FrzFile
import io.frz.FrzSeal
import io.frz.onnxruntime.FrzSessionException.Kind
import io.frz.onnxruntime.internal.Contract
import io.frz.onnxruntime.internal.Weights
import java.io.File
import java.io.IOException
import java.io.InterruptedIOException

/**
 * From a skeleton and an `.frz` file to a session of ONNX Runtime, on Android and on any JVM.
 *
 * An app ships a skeleton, the network's graph without its weights (`model.onnx`), and the weights as `model.frz`.
 *
 * ```
 * val skeleton = context.assets.open("model.onnx").use { it.readBytes() }
 * val session = FrzFile.open(context.assets.open("model.frz")).use { weights ->
 *     FrzSession.load(OrtEnvironment.getEnvironment(), skeleton, weights)
 * }
 * ```
 *
 * Tier, threads and memory budget of decoding are the options with which the file was opened. What the skeleton wants
 * is compared with the file before anything is decoded. Loading fails with an [IOException] and nothing else:
 * [io.frz.FrzException] if the weights are damaged, [FrzSessionException] for all other causes. An interrupt of the
 * thread cancels loading. ONNX Runtime copies the weights, so for a moment there are two of each.
 */
public object FrzSession {
    /**
     * Makes a session of the file [skeleton], whose weights are those of [weights].
     *
     * @param options of the session; they hold the weights afterwards, so they serve no other one. The caller closes
     *   them. Null for ONNX Runtime's defaults
     * @param progress is told how far decoding has come, or null
     * @return the session, which the caller closes
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(
        environment: OrtEnvironment,
        skeleton: ByteArray,
        weights: FrzFile,
        options: OrtSession.SessionOptions? = null,
        progress: FrzSessionProgress? = null
    ): OrtSession {
        FrzSeal.problem(skeleton)?.let {
            throw FrzSessionException(
                Kind.SKELETON_DAMAGED,
                "this is no whole skeleton: $it; export it again with `frformat export`, or get it again"
            )
        }
        val contract = Contract.of(skeleton)
        contract.misfit(weights)?.let { throw mismatch(it) }
        if (options != null) return create(environment, skeleton, contract, weights, options, progress)
        return OrtSession.SessionOptions().use { create(environment, skeleton, contract, weights, it, progress) }
    }

    /** Makes a session of two files. */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(
        environment: OrtEnvironment,
        skeleton: File,
        weights: File,
        options: OrtSession.SessionOptions? = null,
        progress: FrzSessionProgress? = null
    ): OrtSession {
        val bytes = skeleton.readBytes()
        return cancellable { FrzFile.open(weights) }.use { load(environment, bytes, it, options, progress) }
    }

    private fun create(
        environment: OrtEnvironment,
        skeleton: ByteArray,
        contract: Contract,
        file: FrzFile,
        options: OrtSession.SessionOptions,
        progress: FrzSessionProgress?
    ): OrtSession = cancellable {
        val given = LinkedHashMap<String, OnnxTensorLike>()
        try {
            val weights = Weights(contract, file)
            val total = contract.wanted.values.fold(0L) { sum, wanted -> sum + wanted.bytes }
            var done = 0L
            progress?.onProgress(0, total)
            for ((name, wanted) in contract.wanted) {
                given[name] = OnnxTensor.createTensor(environment, weights.load(name), wanted.shape, wanted.type)
                done += wanted.bytes
                progress?.onProgress(done, total)
            }
            if (given.isNotEmpty()) options.addExternalInitializers(given)
            environment.createSession(skeleton, options)
        } catch (e: OrtException) {
            throw failure(e)
        } catch (e: LinkageError) {
            throw FrzSessionException(Kind.RUNTIME_MISSING, "ONNX Runtime is not in this app: $e", e)
        } finally {
            given.values.forEach(OnnxTensorLike::close)
        }
    }

    private inline fun <T> cancellable(load: () -> T): T = try {
        load()
    } catch (e: InterruptedIOException) {
        throw FrzSessionException(Kind.CANCELLED, "loading was cancelled", e)
    }

    private fun failure(e: OrtException): FrzSessionException {
        val reason = e.message.orEmpty().lineSequence().joinToString(" ") { it.trim() }
        return if (e.code in UNSUPPORTED) {
            FrzSessionException(
                Kind.SKELETON_UNSUPPORTED,
                "ONNX Runtime cannot run this skeleton; export it again with `frformat export`: $reason",
                e
            )
        } else {
            FrzSessionException(Kind.RUNTIME_FAILED, "ONNX Runtime makes no session: $reason", e)
        }
    }

    private val UNSUPPORTED = setOf(
        OrtErrorCode.ORT_INVALID_GRAPH,
        OrtErrorCode.ORT_INVALID_PROTOBUF,
        OrtErrorCode.ORT_NOT_IMPLEMENTED
    )

    internal fun mismatch(problem: String) = FrzSessionException(
        Kind.MISMATCH,
        "the weights do not fit this skeleton: $problem; ship the skeleton and the .frz file of the same network"
    )
}
