package io.frz.host

import ai.djl.ndarray.NDArray
import ai.djl.ndarray.NDManager
import ai.djl.ndarray.types.DataType
import ai.djl.ndarray.types.Shape
import ai.djl.pytorch.engine.PtNDArray
import ai.djl.pytorch.engine.PtNDManager
import ai.djl.pytorch.engine.PtSymbolBlock
import ai.djl.pytorch.jni.IValue
import ai.djl.pytorch.jni.IValueUtils
import ai.djl.pytorch.jni.JniUtils
import io.frz.DType
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.FrzTensor
import io.frz.TensorMemory
import io.frz.cli.shell.Failure
import io.frz.loading.FrzLoadOptions
import java.io.File
import java.nio.Buffer
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.nio.IntBuffer

/**
 * Runs models with the LibTorch library that DJL contains. The decoder is the same as that of [LiteEngine], but the
 * runtime and its interface differ.
 */
internal class DjlEngine : Engine {
    private val engine: ai.djl.engine.Engine

    init {
        // All files that DJL needs are bundled with this program.
        System.setProperty("ai.djl.offline", "true")
        System.setProperty("OPT_OUT_TRACKING", "true")
        if (System.getenv("DJL_CACHE_DIR") == null && System.getProperty("DJL_CACHE_DIR") == null) {
            System.setProperty("DJL_CACHE_DIR", File(System.getProperty("java.io.tmpdir"), "frz-djl").path)
        }
        engine = ai.djl.engine.Engine.getEngine("PyTorch")
    }

    override val name: String = "djl-libtorch"

    override val version: String = engine.version

    override fun setThreads(count: Int) = JniUtils.setNumThreads(count)

    override fun load(skeleton: File, weights: File, base: File?, options: FrzLoadOptions): Model =
        guarded("LibTorch cannot load $skeleton") { filled(skeleton, weights, base, options) }

    private fun filled(skeleton: File, weights: File, base: File?, options: FrzLoadOptions): Model {
        val model = DjlModel(engine, skeleton)
        val opening = FrzOptions.builder().threads(options.threads)
        options.tier?.let { opening.tier(it) }
        open(weights, opening.build(), base) { frz ->
            val aliases = frz.aliases.entries.groupBy({ it.value }, { it.key })
            val names = { tensor: String -> listOf(tensor) + aliases[tensor].orEmpty() }
            val wanted = model.coefficientsWanted()
            for ((name, form) in wanted) {
                val stored = frz.tensor(name).form
                if (!form.contentEquals(stored)) {
                    throw Failure("the coefficients of $name have the form ${stored?.asList()}, not ${form.asList()}")
                }
                model.hand(frz.coefficients(name), listOf(name))
            }
            val memory = TensorMemory { info ->
                if (wanted.keys.containsAll(names(info.name))) null else ByteBuffer.allocateDirect(info.bytes.toInt())
            }
            frz.forEach(memory) { tensor -> model.hand(tensor, names(tensor.name) - wanted.keys) }
        }
        return model
    }

    /** Opens [weights], with [base] if they are a delta file, and passes the file to [work]. */
    private fun open(weights: File, options: FrzOptions, base: File?, work: (FrzFile) -> Unit) {
        val needed = base?.takeIf { FrzFile.open(weights).use { it.isDelta } }
        if (needed == null) return FrzFile.open(weights, options).use(work)
        FrzFile.open(needed).use { older -> FrzFile.open(weights, options, older).use(work) }
    }

    override fun loadComplete(file: File): Model = guarded("LibTorch cannot load $file") { DjlModel(engine, file) }

    private class DjlModel(engine: ai.djl.engine.Engine, file: File) : Model {
        private val manager: NDManager = engine.newBaseManager()
        private val model = ai.djl.Model.newInstance(file.nameWithoutExtension, "PyTorch")
        private val block: PtSymbolBlock

        init {
            model.load(file.absoluteFile.parentFile.toPath(), file.name)
            block = model.block as PtSymbolBlock
        }

        /** Returns the names of the weights that the skeleton takes as coefficients, mapped to their forms. */
        fun coefficientsWanted(): Map<String, LongArray> =
            IValueUtils.runMethod(block, "coefficients_wanted").use { result ->
                result.toIValueMap().mapValues { it.value.toLongArray() }
            }

        /** Passes [tensor] to the model under each of its [names]. */
        fun hand(tensor: FrzTensor, names: List<String>) {
            manager.newSubManager().use { scope ->
                val given = if (tensor.dtype == DType.F16) {
                    scope.create(tensor.buffer, Shape(*tensor.shape), DataType.FLOAT16).toType(DataType.FLOAT32, false)
                } else {
                    val (elements, type) = elements(tensor)
                    scope.create(elements, Shape(*tensor.shape), type)
                }
                hand(given as PtNDArray, names)
            }
        }

        private fun hand(array: PtNDArray, names: List<String>) {
            IValue.stringMapFrom(names.associateWith { array }).use { map ->
                IValueUtils.runMethod(block, "load_weights", map).close()
            }
        }

        override fun forward(inputs: List<Input>): Map<String, NdArray> = guarded("LibTorch cannot run the model") {
            (manager.newSubManager() as PtNDManager).use { scope -> forward(inputs, scope) }
        }

        private fun forward(inputs: List<Input>, scope: PtNDManager): Map<String, NdArray> {
            val given = inputs.map { input ->
                val type = TYPES.getValue(input.dtype)
                IValue.from(scope.create(input.buffer(), Shape(*input.shape), type) as PtNDArray)
            }
            try {
                return IValueUtils.runMethod(block, "forward", *given.toTypedArray()).use { result ->
                    if (result.isTensor) {
                        mapOf(Model.OUTPUT to array(result.toTensor(scope)))
                    } else {
                        result.toIValueMap().mapValues { (_, value) -> array(value.toTensor(scope)) }
                    }
                }
            } finally {
                given.forEach(IValue::close)
            }
        }

        override fun close() {
            model.close()
            manager.close()
        }

        private fun array(output: NDArray) = NdArray(
            output.shape.shape,
            output.toType(DataType.FLOAT32, false).toFloatArray()
        )
    }

    private companion object {
        val TYPES = mapOf(
            DType.F32 to DataType.FLOAT32,
            DType.F64 to DataType.FLOAT64,
            DType.U8 to DataType.UINT8,
            DType.I8 to DataType.INT8,
            DType.I32 to DataType.INT32,
            DType.I64 to DataType.INT64,
            DType.BOOL to DataType.BOOLEAN
        )

        /** Converts the elements of [tensor] to a type that DJL supports; any other type would crash the process. */
        fun elements(tensor: FrzTensor): Pair<Buffer, DataType> {
            val narrow = tensor.buffer.asShortBuffer()
            return when (tensor.dtype) {
                DType.BF16 -> {
                    val values = FloatArray(narrow.remaining()) { Float.fromBits(narrow[it].toInt() shl 16) }
                    FloatBuffer.wrap(values) to DataType.FLOAT32
                }

                DType.I16 -> {
                    val values = IntArray(narrow.remaining()) { narrow[it].toInt() }
                    IntBuffer.wrap(values) to DataType.INT32
                }

                else -> {
                    val type = TYPES[tensor.dtype]
                        ?: throw Failure("tensor ${tensor.name} is ${tensor.dtype.label}, which DJL does not support")
                    tensor.buffer to type
                }
            }
        }
    }
}
