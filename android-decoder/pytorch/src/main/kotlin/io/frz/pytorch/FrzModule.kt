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
 * Loads a PyTorch Mobile module from an app's assets, ready to run.
 *
 * An app ships a skeleton, the network's code without its weights (`model.ptl`), and the weights as `model.frz`.
 * Loading starts the skeleton in the lite interpreter, rebuilds the weights tensor by tensor, and hands each over.
 *
 * ```
 * val module = FrzModule.load(context, "model.ptl", "model.frz")
 * val output = module.forward(IValue.from(input)).toTensor()
 * ```
 *
 * Loading fails only with an [IOException]: [io.frz.FrzException] if the weights are damaged, [FrzModuleException] for
 * all other causes. A failure leaves nothing behind. The caller owns the module and may free its memory with
 * [Module.destroy].
 *
 * The variants named `load` block, so call them on a background thread; an interrupt cancels them. Any number of
 * threads may load at once.
 */
public object FrzModule {
    /** Loads the assets [skeleton] and [weights] of an app. */
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

    /** Loads the assets [skeleton] and [weights]; [cache] is a folder that only this app can write to. */
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

    /** Loads two files. */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun load(skeleton: File, weights: File, options: FrzModuleOptions = FrzModuleOptions.DEFAULT): Module =
        Loader(options, Cancellation.INTERRUPT).load(FrzPart.of(skeleton), FrzPart.of(weights), null)

    /**
     * Loads two parts, each from an asset, a file, a stream, or bytes in memory, such as those that the app has
     * decrypted.
     *
     * The lite interpreter reads its modules from files. A skeleton that is not a file is copied to the folder [cache],
     * to which only this app should be able to write. Weights are never written to disk.
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
     * Hands the weights of [weights] to a [module] that was loaded before, in place of its current weights: another
     * tier of the same file, or the result of other training. If this fails, the module may have a mixture of both;
     * with [FrzModuleOptions.verify], damage is found before that. The module must not run in the meantime.
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

    /** Starts to load the assets [skeleton] and [weights] of an app; [callback] receives the outcome. */
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

    /** Starts to load two parts as [load] does; [callback] receives the outcome. */
    @JvmStatic
    @JvmOverloads
    public fun loadAsync(
        skeleton: FrzPart,
        weights: FrzPart,
        cache: File,
        callback: FrzCallback,
        options: FrzModuleOptions = FrzModuleOptions.DEFAULT
    ): FrzLoading = FrzLoading.start(callback, options, listOf(skeleton, weights)) { it.load(skeleton, weights, cache) }

    /** The platform empties this folder when the app is updated, and with it the skeletons of earlier versions. */
    private fun cacheOf(context: Context) = File(context.codeCacheDir, "frz")
}
