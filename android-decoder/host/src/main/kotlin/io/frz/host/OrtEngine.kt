package io.frz.host

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import ai.onnxruntime.OrtSession.SessionOptions
import io.frz.cli.shell.Failure
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import io.frz.onnxruntime.FrzLengthException
import io.frz.onnxruntime.FrzSession
import java.io.File
import java.nio.FloatBuffer

/** Runs models with ONNX Runtime, through the Java API that is also used on phones. */
internal class OrtEngine : Engine {
    private val environment = OrtEnvironment.getEnvironment()
    private var threads = 0

    override val name: String = "onnxruntime"

    override val version: String = environment.version

    override fun setThreads(count: Int) {
        threads = count
    }

    override fun load(skeleton: File, weights: File, base: File?, options: FrzLoadOptions): Model =
        FrzSession.loaderOf(FrzPart.of(skeleton), FrzPart.of(weights), ::configure).load(options.with(base)).let {
            OrtModel(it, input(it.inputNames, it)) { inputs -> it.run(inputs) }
        }

    override fun loadComplete(file: File): Model = try {
        SessionOptions().use { environment.createSession(file.path, it.also(::configure)) }.let {
            OrtModel(it, input(it.inputNames, it)) { inputs -> it.run(inputs) }
        }
    } catch (e: OrtException) {
        throw Failure("ONNX Runtime cannot load $file: ${e.message}", e)
    }

    /** Returns the first of the [names] of inputs; closes [session] and throws if there is none. */
    private fun input(names: Set<String>, session: AutoCloseable): String =
        names.firstOrNull() ?: session.use { throw Failure("the model has no inputs") }

    private fun configure(options: SessionOptions) {
        if (threads > 0) options.setIntraOpNumThreads(threads)
    }

    private inner class OrtModel(
        private val session: AutoCloseable,
        private val inputName: String,
        private val call: (Map<String, OnnxTensor>) -> OrtSession.Result
    ) : Model {
        override fun forward(input: NdArray): Map<String, NdArray> = try {
            OnnxTensor.createTensor(environment, FloatBuffer.wrap(input.values), input.shape).use { x ->
                call(mapOf(inputName to x)).use { result ->
                    // The first output of an exported model is the output of the original model, regardless of its name
                    // in the graph.
                    result.withIndex().associate { (i, output) ->
                        (if (i == 0) Model.OUTPUT else output.key) to array(output.value as OnnxTensor)
                    }
                }
            }
        } catch (e: OrtException) {
            throw Failure("ONNX Runtime cannot run the model: ${e.message}", e)
        } catch (e: FrzLengthException) {
            throw Failure("the input does not suit the model: ${e.message}", e)
        }

        override fun close() = session.close()

        private fun array(tensor: OnnxTensor): NdArray {
            val floats = tensor.floatBuffer ?: throw Failure("the model returns ${tensor.info.type}, not floats")
            return NdArray(tensor.info.shape, FloatArray(floats.remaining()).also(floats::get))
        }
    }
}
