package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OnnxTensorLike
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import android.content.Context
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.onnxruntime.internal.Lengths
import io.frz.onnxruntime.internal.OptionalRuntime
import io.frz.onnxruntime.internal.Tensors
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.locks.ReentrantReadWriteLock
import kotlin.concurrent.read
import kotlin.concurrent.write

/**
 * An ONNX Runtime session with weights from a `.frz` file, on Android and on any JVM.
 *
 * An app ships a skeleton, which is the network's graph without its weights (`model.onnx`), and the weights
 * (`model.frz`). Loading checks that the file contains the weights that the skeleton requires, rebuilds them, and
 * creates a session.
 *
 * ```
 * FrzSession.loader(context, "model.onnx", "model.frz").load().use { session ->
 *     session.run(mapOf("x" to input)).use { result -> … }
 * }
 * ```
 *
 * In most skeletons, the weights are initializers. ONNX Runtime copies these several times while it creates a session,
 * so loading briefly needs up to four times their size in memory; the weights of a factored skeleton need only a few
 * kilobytes. In skeletons exported with `--weights-as-inputs`, the weights are inputs. On every run, ONNX Runtime reads
 * them from the direct buffers in which they have been rebuilt, and it keeps no copies, so loading needs memory for the
 * weights only once. Runs take longer, because ONNX Runtime cannot prepare the weights in advance.
 *
 * This object is thread-safe: runs can be parallel, and [close] waits for those that have begun. The caller must close
 * it.
 *
 * @property session the session, whose inputs include [weights]. Use it for what [run] does not offer, such as pinned
 *   outputs, and pass [weights] together with the other inputs. Do not close it, and do not use it during or after
 *   [close]
 */
public class FrzSession internal constructor(public val session: OrtSession, private val tensors: Tensors) :
    AutoCloseable {
    private val isClosed = AtomicBoolean()

    /** Runs hold the lock for reading, because native code reads the weights and the session until a run ends. */
    private val lock = ReentrantReadWriteLock()

    /** The weights that are inputs, by name; empty if all weights are initializers. Do not close them. */
    public val weights: Map<String, OnnxTensor> get() = tensors.all

    /** The names of the inputs to pass to [run]: all inputs except the weights. */
    public val inputNames: Set<String> get() = session.inputNames - weights.keys

    /**
     * Runs the network on [inputs] and the weights. The caller must close the result.
     *
     * If the network's code decides by the lengths of its inputs, a skeleton is valid only for some lengths. A run with
     * other lengths fails before anything is computed.
     *
     * @param requestedOutputs the names of the outputs to compute; by default, all
     * @param options the options of this run, or null for the defaults
     * @throws FrzLengthException if the network cannot run on inputs of these lengths, or on these indices
     * @throws IllegalArgumentException if [inputs] contains a weight or a closed tensor, or if [options] are closed
     * @throws IllegalStateException if this object has been closed
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
        val closed = inputs.filterValues { it.isClosed }.keys
        require(closed.isEmpty()) { "${closed.joinToString()}: the tensor has been closed" }
        require(options == null || isOpen(options)) { "the options of the run have been closed" }
        return lock.read {
            check(!isClosed.get()) { "the session has been closed" }
            Lengths.checked(inputs) { session.run(weights + inputs, requestedOutputs, options) }
        }
    }

    /** Returns whether [options] are open, which ONNX Runtime does not check before native code reads them. */
    private fun isOpen(options: OrtSession.RunOptions) = try {
        options.logVerbosityLevel
        true
    } catch (_: IllegalStateException) {
        false
    }

    /** Waits for runs to end, closes the session and frees the weights. Further calls have no effect. */
    @Throws(OrtException::class)
    override fun close() {
        if (isClosed.getAndSet(true)) return
        lock.write { tensors.use { session.close() } }
    }

    /**
     * Returns loaders of sessions.
     *
     * Loading fails as described for [FrzLoader]. Interrupting the thread cancels loading; if ONNX Runtime is already
     * creating the session, loading ends when ONNX Runtime returns. Any number of threads can load at the same time.
     * Sessions are created in [OrtEnvironment.getEnvironment]; to configure the environment, create it before loading.
     */
    public companion object {
        private val DEFAULTS = FrzSessionSetup { }

        /** Returns a loader for the app assets [skeleton] and [weights]; [setup] configures its sessions. */
        @JvmStatic
        @JvmOverloads
        public fun loader(
            context: Context,
            skeleton: String,
            weights: String,
            setup: FrzSessionSetup = DEFAULTS
        ): FrzLoader<FrzSession> = loaderOf(FrzPart.asset(context, skeleton), FrzPart.asset(context, weights), setup)

        /**
         * Returns a loader for a skeleton and weights, each from any source: an asset, a file, decrypted bytes in
         * memory or a stream.
         *
         * This function has its own name, rather than being an overload of [loader], so that Java code for other JVMs
         * compiles without Android's classes.
         */
        @JvmStatic
        @JvmOverloads
        public fun loaderOf(
            skeleton: FrzPart,
            weights: FrzPart,
            setup: FrzSessionSetup = DEFAULTS
        ): FrzLoader<FrzSession> = FrzLoader(OptionalRuntime(setup), skeleton, weights)
    }
}
