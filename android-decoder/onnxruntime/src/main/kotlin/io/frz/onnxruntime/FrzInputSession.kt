package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OnnxTensorLike
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import android.content.Context
import androidx.annotation.WorkerThread
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.onnxruntime.internal.OnnxRuntime
import io.frz.onnxruntime.internal.Tensors
import java.io.IOException
import java.util.concurrent.atomic.AtomicBoolean

/**
 * An ONNX Runtime session, and the weights that it takes as inputs on every run.
 *
 * Use this class instead of [FrzSession] for skeletons exported with `--weights-as-inputs`. ONNX Runtime reads their
 * weights from the direct buffers in which they have been rebuilt and keeps no copies, so loading needs memory for the
 * weights only once. Runs take longer, because ONNX Runtime cannot prepare the weights in advance.
 *
 * ```
 * FrzInputSession.load(context, "model.onnx", "model.frz").use { session ->
 *     session.run(mapOf("x" to input)).use { result -> … }
 * }
 * ```
 *
 * Loading takes the same options as with [FrzSession], and fails in the same ways. Skeletons whose weights are
 * initializers can be loaded as well; [weights] is then empty. Like an [OrtSession], this object is thread-safe, except
 * that [close] must not be called during a run. The caller must close it.
 *
 * @property session the session, whose inputs include the weights. Use it for what [run] does not offer, such as
 *   pinned outputs, and pass [weights] together with the other inputs. Do not close it
 */
public class FrzInputSession internal constructor(public val session: OrtSession, private val tensors: Tensors) :
    AutoCloseable {
    private val isClosed = AtomicBoolean()

    /** The weights that are inputs, by name. Do not close them. */
    public val weights: Map<String, OnnxTensor> get() = tensors.all

    /** The names of the inputs to pass to [run]: all inputs except the weights. */
    public val inputNames: Set<String> get() = session.inputNames - weights.keys

    /**
     * Runs the network on [inputs] and the weights. The caller must close the result.
     *
     * @param requestedOutputs the names of the outputs to compute; by default, all
     * @param options the options of this run, or null for the defaults
     * @throws IllegalArgumentException if [inputs] contains a weight
     * @throws OrtException if [inputs] contains an unknown name or lacks an input, or if the network cannot run on them
     */
    @JvmOverloads
    @Throws(OrtException::class)
    public fun run(
        inputs: Map<String, OnnxTensorLike>,
        requestedOutputs: Set<String> = session.outputNames,
        options: OrtSession.RunOptions? = null
    ): OrtSession.Result {
        val known = weights.keys.intersect(inputs.keys)
        require(known.isEmpty()) { "${known.joinToString()}: the session already has these weights; omit them" }
        return session.run(weights + inputs, requestedOutputs, options)
    }

    /** Closes the session and frees the weights. Further calls have no effect. */
    @Throws(OrtException::class)
    override fun close() {
        if (isClosed.getAndSet(true)) return
        tensors.use { session.close() }
    }

    /** Loads sessions from skeletons and `.frz` files. */
    public companion object {
        /** Loads a session from the app assets [skeleton] and [weights]; see [FrzSession.load]. */
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        @WorkerThread
        public fun load(
            context: Context,
            skeleton: String,
            weights: String,
            options: FrzLoadOptions = FrzLoadOptions.DEFAULT,
            setup: FrzSessionSetup = FrzSession.DEFAULTS
        ): FrzInputSession = loader(context, skeleton, weights, setup).load(options)

        /** Returns a loader for the app assets [skeleton] and [weights]. */
        @JvmStatic
        @JvmOverloads
        public fun loader(
            context: Context,
            skeleton: String,
            weights: String,
            setup: FrzSessionSetup = FrzSession.DEFAULTS
        ): FrzLoader<FrzInputSession> =
            loaderOf(FrzPart.asset(context, skeleton), FrzPart.asset(context, weights), setup)

        /** Returns a loader for a skeleton and weights, each from any source; see [FrzSession.loaderOf]. */
        @JvmStatic
        @JvmOverloads
        public fun loaderOf(
            skeleton: FrzPart,
            weights: FrzPart,
            setup: FrzSessionSetup = FrzSession.DEFAULTS
        ): FrzLoader<FrzInputSession> = FrzLoader(OnnxRuntime(setup), skeleton, weights)
    }
}
