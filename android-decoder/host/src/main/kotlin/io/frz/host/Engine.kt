package io.frz.host

import io.frz.cli.shell.Failure
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.Closeable
import java.io.File
import java.io.IOException

/** A runtime that loads and runs skeletons. */
internal interface Engine {
    /** The name of the engine in reports. */
    val name: String

    /** The version of the runtime. */
    val version: String

    /** Sets the number of threads that run models. */
    fun setThreads(count: Int)

    /** Loads a model from a skeleton and an `.frz` file, with its [base] if it is a delta file. */
    fun load(skeleton: File, weights: File, base: File?, options: FrzLoadOptions): Model

    /** Loads a model from a file that includes its weights. */
    fun loadComplete(file: File): Model
}

/** Returns these options with the file [base] as the base of delta files. */
internal fun FrzLoadOptions.with(base: File?): FrzLoadOptions = newBuilder().base(base?.let { FrzPart.of(it) }).build()

/** Runs [work], which calls a runtime, and reports its failure in one line that starts with [problem]. */
internal inline fun <T> guarded(problem: String, work: () -> T): T = try {
    work()
} catch (e: IOException) {
    throw e
} catch (e: Failure) {
    throw e
} catch (@Suppress("TooGenericExceptionCaught") e: Exception) {
    throw Failure("$problem: ${e.message.orEmpty().lineSequence().firstOrNull { it.isNotBlank() } ?: e}", e)
}

/** A loaded model. */
internal interface Model : Closeable {
    /** Runs the model on all its inputs and returns its outputs by name; a single tensor is called [OUTPUT]. */
    fun forward(inputs: List<Input>): Map<String, NdArray>

    companion object {
        const val OUTPUT = "output"
    }
}

/** The available engines, by their names on the command line. */
internal enum class Engines(val create: () -> Engine) {
    LITE(::LiteEngine),
    DJL(::DjlEngine),
    ORT(::OrtEngine)
}
