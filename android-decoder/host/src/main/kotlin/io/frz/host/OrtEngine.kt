package io.frz.host

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import ai.onnxruntime.OrtSession.SessionOptions
import io.frz.DType
import io.frz.cli.shell.Failure
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import io.frz.onnxruntime.FrzLengthException
import io.frz.onnxruntime.FrzSession
import java.io.File

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
            OrtModel(it, it.inputNames) { inputs -> it.run(inputs) }
        }

    override fun loadComplete(file: File): Model = try {
        SessionOptions().use { environment.createSession(file.path, it.also(::configure)) }.let {
            OrtModel(it, it.inputNames) { inputs -> it.run(inputs) }
        }
    } catch (e: OrtException) {
        throw Failure("ONNX Runtime cannot load $file: ${e.message}", e)
    }

    private fun configure(options: SessionOptions) {
        if (threads > 0) options.setIntraOpNumThreads(threads)
    }

    private inner class OrtModel(
        private val session: AutoCloseable,
        private val names: Set<String>,
        private val call: (Map<String, OnnxTensor>) -> OrtSession.Result
    ) : Model {
        override fun forward(inputs: List<Input>): Map<String, NdArray> = try {
            if (inputs.size != names.size) {
                throw Failure("the model has ${names.size} inputs (${names.joinToString()}), but got ${inputs.size}")
            }
            val tensors = LinkedHashMap<String, OnnxTensor>()
            try {
                for ((name, input) in names.zip(inputs)) tensors[name] = tensor(input)
                call(tensors).use(::outputs)
            } finally {
                tensors.values.forEach(OnnxTensor::close)
            }
        } catch (e: OrtException) {
            throw Failure("ONNX Runtime cannot run the model: ${e.message}", e)
        } catch (e: FrzLengthException) {
            throw Failure("the input does not suit the model: ${e.message}", e)
        }

        override fun close() = session.close()

        private fun tensor(input: Input): OnnxTensor =
            OnnxTensor.createTensor(environment, input.buffer(), input.shape, TYPES.getValue(input.dtype))

        /**
         * Returns the outputs by name. The first output of an exported model is the output of the original model,
         * regardless of its name in the graph.
         */
        private fun outputs(result: OrtSession.Result) = result.withIndex().associate { (i, output) ->
            (if (i == 0) Model.OUTPUT else output.key) to array(output.value as OnnxTensor)
        }

        private fun array(tensor: OnnxTensor): NdArray {
            val floats = tensor.floatBuffer ?: throw Failure("the model returns ${tensor.info.type}, not floats")
            return NdArray(tensor.info.shape, FloatArray(floats.remaining()).also(floats::get))
        }
    }

    private companion object {
        val TYPES = mapOf(
            DType.F32 to OnnxJavaType.FLOAT,
            DType.F64 to OnnxJavaType.DOUBLE,
            DType.I32 to OnnxJavaType.INT32,
            DType.I64 to OnnxJavaType.INT64,
            DType.I8 to OnnxJavaType.INT8,
            DType.U8 to OnnxJavaType.UINT8,
            DType.BOOL to OnnxJavaType.BOOL
        )
    }
}
