package io.frz.host

import io.frz.loading.FrzLoadOptions
import java.io.Closeable
import java.io.File

/** A runtime for skeletons. */
internal interface Engine {
    /** Its name in reports. */
    val name: String

    /** Its release. */
    val version: String

    /** Makes models run with [count] threads from now on. */
    fun setThreads(count: Int)

    /** Loads a model from a skeleton and an `.frz` file. */
    fun load(skeleton: File, weights: File, options: FrzLoadOptions): Model

    /** Loads a model from a file that includes its weights. */
    fun loadComplete(file: File): Model
}

/** A loaded model. */
internal interface Model : Closeable {
    /** Its outputs by name; a single tensor is called [OUTPUT]. */
    fun forward(input: NdArray): Map<String, NdArray>

    companion object {
        const val OUTPUT = "output"
    }
}

/** The engines by their names on the command line. */
internal enum class Engines(val create: () -> Engine) {
    LITE(::LiteEngine),
    DJL(::DjlEngine),
    ORT(::OrtEngine)
}
