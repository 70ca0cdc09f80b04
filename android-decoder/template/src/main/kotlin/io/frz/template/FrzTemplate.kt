package io.frz.template

import androidx.annotation.WorkerThread
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.template.internal.FileFilling
import io.frz.template.internal.MemoryFilling
import java.io.File
import java.io.IOException
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
 * val interpreter = Interpreter(FrzTemplate.fill(FrzPart.asset(context, "model.tflite.frt"), weights))
 * val file = FrzTemplate.fillFile(FrzPart.asset(context, "model.pte.frt"), weights, context.cacheDir)
 * val module = Module.load(file.path)
 * ```
 *
 * Filling fails only with an [IOException]: an [io.frz.FrzException] if the weights cannot be decoded, for example
 * because they are damaged or exceed the memory budget, and an [io.frz.loading.FrzLoadException] in all other cases. A
 * failed call leaves nothing behind.
 *
 * [fill] and [fillFile] block; call them on a background thread. Interrupting the thread cancels filling. Use [loader]
 * or [fileLoader] to fill asynchronously or from a coroutine.
 */
public object FrzTemplate {
    /**
     * Fills [template] with [weights] and returns the model file as a direct buffer in native byte order, as LiteRT's
     * `Interpreter(ByteBuffer)` requires. Keep a reference to the buffer for as long as the interpreter is in use.
     *
     * Android counts direct buffers against the app's heap limit. For larger models, use [fillFile] and
     * `Interpreter(File)`.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun fill(template: FrzPart, weights: FrzPart, options: FrzLoadOptions = FrzLoadOptions.DEFAULT): ByteBuffer =
        loader(template, weights).load(options)

    /**
     * Fills [template] with [weights] and returns the model file, which is stored in the folder [cacheDir].
     *
     * The file becomes visible only when it is complete. Later calls with the same template and weights verify its
     * checksum and return it. Files that have not been used for 30 days are deleted. Android can delete cached files at
     * any time, so call this before each use. Apart from the largest tensor, filling needs hardly any heap memory.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun fillFile(
        template: FrzPart,
        weights: FrzPart,
        cacheDir: File,
        options: FrzLoadOptions = FrzLoadOptions.DEFAULT
    ): File = fileLoader(template, weights, cacheDir).load(options)

    /** Returns a loader that produces the same result as [fill]. */
    @JvmStatic
    public fun loader(template: FrzPart, weights: FrzPart): FrzLoader<ByteBuffer> =
        FrzLoader(MemoryFilling, template, weights)

    /** Returns a loader that produces the same result as [fillFile]. */
    @JvmStatic
    public fun fileLoader(template: FrzPart, weights: FrzPart, cacheDir: File): FrzLoader<File> =
        FrzLoader(FileFilling(cacheDir), template, weights)
}
