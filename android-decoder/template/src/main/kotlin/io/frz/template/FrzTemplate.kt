package io.frz.template

import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.template.internal.FileFilling
import io.frz.template.internal.MemoryFilling
import java.io.File
import java.nio.ByteBuffer

/**
 * Fills templates with the weights of `.frz` files, for runtimes that accept weights only as part of their model file.
 *
 * An app ships a template (`model.tflite.frt` or `model.pte.frt`), which is the runtime's model file without its
 * weights, and the weights (`model.frz`). Filling checks that the file contains the weights that the template requires,
 * rebuilds them one by one, and writes their elements where the runtime expects them.
 *
 * ```
 * val weights = FrzPart.asset(context, "model.frz")
 * val interpreter = Interpreter(FrzTemplate.loader(FrzPart.asset(context, "model.tflite.frt"), weights).load())
 * val file = FrzTemplate.fileLoader(FrzPart.asset(context, "model.pte.frt"), weights, context.cacheDir).load()
 * val module = Module.load(file.path)
 * ```
 *
 * Filling fails as described for [FrzLoader]. Its time is bounded even if a template was made to do harm: by the size
 * of the filled file, which counts against the memory budget, by the size of the weights, and by a limit of 2^35 on the
 * products and elements that a template can have computed, which take about a minute.
 */
public object FrzTemplate {
    /**
     * Returns a loader that fills [template] with [weights] and returns the model file as a direct buffer in native
     * byte order, as LiteRT's `Interpreter(ByteBuffer)` requires. Keep a reference to the buffer for as long as the
     * interpreter is in use.
     *
     * Android counts direct buffers against the app's heap limit. For larger models, use [fileLoader] and
     * `Interpreter(File)`.
     */
    @JvmStatic
    public fun loader(template: FrzPart, weights: FrzPart): FrzLoader<ByteBuffer> =
        FrzLoader(MemoryFilling, template, weights)

    /**
     * Returns a loader that fills [template] with [weights] and returns the model file, which is stored in the folder
     * [cacheDir].
     *
     * The file becomes visible only when it is complete. Later loads of the same template and weights verify its
     * checksum and return it. Files that have not been used for 30 days are deleted. Android can delete cached files at
     * any time, so load before each use. Apart from the largest tensor, filling needs hardly any heap memory.
     */
    @JvmStatic
    public fun fileLoader(template: FrzPart, weights: FrzPart, cacheDir: File): FrzLoader<File> =
        FrzLoader(FileFilling(cacheDir), template, weights)
}
