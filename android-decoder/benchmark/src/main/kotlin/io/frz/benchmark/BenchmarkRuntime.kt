package io.frz.benchmark

import androidx.annotation.WorkerThread
import java.io.Closeable
import java.io.File
import java.io.IOException

/**
 * A runtime that the suite measures. An app implements it for each runtime in its build.
 *
 * The suite runs every network with the number of threads for which the runtime was created.
 */
public interface BenchmarkRuntime {
    /** The name of the runtime in reports, such as `onnxruntime`. */
    public val name: String

    /** The version of the runtime. */
    public val version: String

    /** The extension of its models: `onnx` or `ptl`. */
    public val extension: String

    /** Loads a model that contains its weights. */
    @Throws(IOException::class)
    @WorkerThread
    public fun loadComplete(model: File): BenchmarkNetwork

    /** Loads a model from a skeleton and the `.frz` file with its weights. */
    @Throws(IOException::class)
    @WorkerThread
    public fun load(skeleton: File, weights: File): BenchmarkNetwork
}

/** A loaded network. Closing it frees its memory. */
public interface BenchmarkNetwork : Closeable {
    /** Runs the network on one input and returns its output. */
    @Throws(IOException::class)
    @WorkerThread
    public fun run(input: Values): Values
}

/**
 * A float32 tensor in row-major order.
 *
 * @property shape the shape
 * @property elements the elements; their number is the product of [shape]
 */
public class Values(public val shape: LongArray, public val elements: FloatArray)
