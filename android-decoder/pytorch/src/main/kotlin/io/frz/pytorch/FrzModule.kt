package io.frz.pytorch

import android.content.Context
import android.content.res.AssetManager
import androidx.annotation.WorkerThread
import io.frz.pytorch.internal.Cancellation
import io.frz.pytorch.internal.Loader
import java.io.File
import java.io.IOException
import org.pytorch.Module

/**
 * Loads PyTorch Mobile modules whose weights are in `.frz` files.
 *
 * An app ships a skeleton, which is the network's code without its weights (`model.ptl`), and the weights
 * (`model.frz`). Loading starts the skeleton in the lite interpreter, rebuilds the weights tensor by tensor, and passes
 * them to it.
 *
 * ```
 * val module = FrzModule.load(context, "model.ptl", "model.frz")
 * val output = module.forward(IValue.from(input)).toTensor()
 * ```
 *
 * Loading fails only with an [IOException]: [io.frz.FrzException] if the weights are damaged, [FrzModuleException] for
 * all other causes. A failure leaves nothing behind. The caller owns the module and frees its memory with
 * [Module.destroy].
 *
 * The `load` functions block; call them on a background thread. Interrupting it cancels loading. Any number of threads
 * may load at once.
 */
public object FrzModule {
    /** Loads a module from the app assets [skeleton] and [weights]. */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(
        context: Context,
        skeleton: String,
        weights: String,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): Module = load(context.assets, cacheOf(context), skeleton, weights, options)

    /** Loads a module from the assets [skeleton] and [weights]; only this app may have write access to [cache]. */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(
        assets: AssetManager,
        cache: File,
        skeleton: String,
        weights: String,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): Module = load(FrzPart.asset(assets, skeleton), FrzPart.asset(assets, weights), cache, options)

    /** Loads a module from two files. */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(skeleton: File, weights: File, options: FrzModuleOptions = FrzModuleOptions.DEFAULT): Module =
        Loader(options, Cancellation.INTERRUPT).load(FrzPart.of(skeleton), FrzPart.of(weights), null)

    /**
     * Loads a module from two parts, each from any source: an asset, a file, decrypted bytes in memory, a stream.
     *
     * The lite interpreter reads modules from files, so a skeleton from any other source is copied to the folder
     * [cache], which only this app should be able to write to. Weights are never written to disk.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(
        skeleton: FrzPart,
        weights: FrzPart,
        cache: File,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): Module = Loader(options, Cancellation.INTERRUPT).load(skeleton, weights, cache)

    /**
     * Replaces the weights of a loaded [module], for example by another tier of the same file or by newly trained
     * weights. If this fails, the module may hold a mix of old and new weights; [FrzModuleOptions.verify] detects
     * damage before any weight is replaced. The module must not run meanwhile.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun loadWeights(
        module: Module,
        weights: FrzPart,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): Unit = Loader(options, Cancellation.INTERRUPT).loadWeights(module, weights)

    /** Starts loading the app assets [skeleton] and [weights], and reports the result to [callback]. */
    @JvmStatic
    @JvmOverloads
    public fun loadAsync(
        context: Context,
        skeleton: String,
        weights: String,
        callback: FrzCallback,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): FrzLoading {
        val parts = listOf(FrzPart.asset(context, skeleton), FrzPart.asset(context, weights))
        return FrzLoading.start(callback, options, parts) { it.load(parts[0], parts[1], cacheOf(context)) }
    }

    /** Starts loading two parts as [load] does, and reports the result to [callback]. */
    @JvmStatic
    @JvmOverloads
    public fun loadAsync(
        skeleton: FrzPart,
        weights: FrzPart,
        cache: File,
        callback: FrzCallback,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): FrzLoading = FrzLoading.start(callback, options, listOf(skeleton, weights)) { it.load(skeleton, weights, cache) }

    /** Android empties this folder when the app is updated, so skeletons of earlier versions go with it. */
    private fun cacheOf(context: Context) = File(context.codeCacheDir, "frz")
}
