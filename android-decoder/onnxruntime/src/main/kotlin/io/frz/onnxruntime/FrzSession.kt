package io.frz.onnxruntime

import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import android.content.Context
import androidx.annotation.WorkerThread
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.onnxruntime.internal.InitializersOnly
import io.frz.onnxruntime.internal.OnnxRuntime
import java.io.IOException

/**
 * Loads ONNX Runtime sessions with weights from `.frz` files, on Android and on any JVM.
 *
 * An app ships a skeleton, which is the network's graph without its weights (`model.onnx`), and the weights
 * (`model.frz`). Loading checks that the file contains the weights that the skeleton requires, rebuilds them, and
 * creates a session.
 *
 * ```
 * val session = FrzSession.load(context, "model.onnx", "model.frz")
 * val result = session.run(mapOf("x" to input))
 * ```
 *
 * Loading fails only with an [IOException]: an [io.frz.FrzException] if the weights cannot be decoded, for example
 * because they are damaged or exceed the memory budget, and an [io.frz.loading.FrzLoadException] in all other cases. A
 * failed load leaves nothing behind. The caller owns the session and must close it.
 *
 * [load] blocks; call it on a background thread. Interrupting the thread cancels loading; if ONNX Runtime is already
 * creating the session, loading ends when ONNX Runtime returns. Any number of threads can load at the same time. Use
 * [loader] to load asynchronously or from a coroutine.
 *
 * ONNX Runtime copies the weights several times while it creates a session, so loading briefly needs up to four times
 * their size in memory; the weights of a factored skeleton need only a few kilobytes. [FrzInputSession] avoids these
 * copies. Sessions are created in [OrtEnvironment.getEnvironment]; to configure the environment, create it before
 * loading.
 */
public object FrzSession {
    /** Loads a session from the app assets [skeleton] and [weights]. */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(
        context: Context,
        skeleton: String,
        weights: String,
        options: FrzLoadOptions = FrzLoadOptions.DEFAULT,
        setup: FrzSessionSetup = DEFAULTS
    ): OrtSession = loader(context, skeleton, weights, setup).load(options)

    /** Returns a loader for the app assets [skeleton] and [weights]. */
    @JvmStatic
    @JvmOverloads
    public fun loader(
        context: Context,
        skeleton: String,
        weights: String,
        setup: FrzSessionSetup = DEFAULTS
    ): FrzLoader<OrtSession> = loaderOf(FrzPart.asset(context, skeleton), FrzPart.asset(context, weights), setup)

    /**
     * Returns a loader for a skeleton and weights, each from any source: an asset, a file, decrypted bytes in memory or
     * a stream.
     *
     * This function has its own name, rather than being an overload of [loader], so that Java code for other JVMs
     * compiles without Android's classes.
     */
    @JvmStatic
    @JvmOverloads
    public fun loaderOf(skeleton: FrzPart, weights: FrzPart, setup: FrzSessionSetup = DEFAULTS): FrzLoader<OrtSession> =
        FrzLoader(InitializersOnly(OnnxRuntime(setup)), skeleton, weights)

    internal val DEFAULTS = FrzSessionSetup { }
}
