package io.frz.pytorch

import android.content.Context
import androidx.annotation.WorkerThread
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.pytorch.internal.HandOver
import io.frz.pytorch.internal.LiteInterpreter
import java.io.File
import java.io.IOException
import org.pytorch.Module

/**
 * Loads PyTorch Mobile modules with weights from `.frz` files.
 *
 * An app ships a skeleton, which is the network's code without its weights (`model.ptl`), and the weights
 * (`model.frz`). Loading opens the skeleton in the lite interpreter, rebuilds the weights tensor by tensor, and passes
 * them to the skeleton.
 *
 * ```
 * val module = FrzModule.loader(context, "model.ptl", "model.frz").load()
 * val output = module.forward(IValue.from(input)).toTensor()
 * ```
 *
 * Loading fails as described for [FrzLoader]. Any number of threads can load at the same time. The caller owns the
 * module and must free it with [Module.destroy].
 */
public object FrzModule {
    /** Returns a loader for the app assets [skeleton] and [weights]. */
    @JvmStatic
    public fun loader(context: Context, skeleton: String, weights: String): FrzLoader<Module> =
        // Android empties this folder when the app is updated, so skeletons of earlier versions are removed.
        loaderOf(FrzPart.asset(context, skeleton), FrzPart.asset(context, weights), File(context.codeCacheDir, "frz"))

    /**
     * Returns a loader for a skeleton and weights, each from any source: an asset, a file, decrypted bytes in memory or
     * a stream.
     *
     * The lite interpreter reads modules from files, so a skeleton from any other source is copied to the folder
     * [cache]. Only this app should be able to write to that folder. Weights are never written to disk, unless the
     * options specify a scratch folder.
     */
    @JvmStatic
    public fun loaderOf(skeleton: FrzPart, weights: FrzPart, cache: File): FrzLoader<Module> =
        FrzLoader(LiteInterpreter(cache), skeleton, weights)

    /**
     * Returns a loader for two files. The lite interpreter reads a temporary copy of the skeleton, so both files can be
     * replaced at any time, by renaming new ones. On Android, temporary files are in the app's cache folder.
     */
    @JvmStatic
    public fun loaderOf(skeleton: File, weights: File): FrzLoader<Module> =
        FrzLoader(LiteInterpreter(null), FrzPart.of(skeleton), FrzPart.of(weights))

    /**
     * Replaces the weights of a loaded [module], for example with another tier of the same file or with newly trained
     * weights. The module must not run while its weights are being replaced.
     *
     * The names, shapes and number of all weights are checked before the first is replaced. If the file lacks weights
     * of the module, this fails with [FrzLoadException.Kind.MISMATCH], unless [partial] is true: then, these weights
     * keep their values. If it fails later, because the file is damaged, values do not fit, memory runs out or the
     * thread is interrupted, the module can contain a mix of old and new weights; [FrzLoadOptions.verify] detects
     * damage before any weight is replaced.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun loadWeights(
        module: Module,
        weights: FrzPart,
        options: FrzLoadOptions = FrzLoadOptions.DEFAULT,
        partial: Boolean = false
    ): Unit = FrzLoad.withWeights(weights, options) { file, load -> HandOver(module, file, load, partial).run() }
}
