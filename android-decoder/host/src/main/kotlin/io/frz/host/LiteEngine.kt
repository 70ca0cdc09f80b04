package io.frz.host

import io.frz.DType as Element
import io.frz.cli.shell.Failure
import io.frz.loading.FrzLoadOptions
import io.frz.pytorch.FrzModule
import java.io.File
import org.pytorch.DType
import org.pytorch.IValue
import org.pytorch.LiteModuleLoader
import org.pytorch.Module
import org.pytorch.PyTorchAndroid
import org.pytorch.Tensor

/** Runs models with the lite interpreter of PyTorch Mobile, as on a phone. */
internal class LiteEngine : Engine {
    init {
        LiteRuntime.obstacle?.let { throw Failure("PyTorch Mobile cannot run here: $it") }
        LiteRuntime.start()
    }

    override val name: String = "pytorch_android_lite"

    override val version: String = LiteRuntime.version

    override fun setThreads(count: Int) = PyTorchAndroid.setNumThreads(count)

    override fun load(skeleton: File, weights: File, base: File?, options: FrzLoadOptions): Model =
        LiteModel(FrzModule.loaderOf(skeleton, weights).load(options.with(base)))

    override fun loadComplete(file: File): Model = guarded("PyTorch Mobile cannot load $file") {
        LiteModel(LiteModuleLoader.load(file.path))
    }

    private class LiteModel(private val module: Module) : Model {
        override fun forward(inputs: List<Input>) = guarded("PyTorch Mobile cannot run the model") {
            val result = module.forward(*Array(inputs.size) { IValue.from(tensor(inputs[it])) })
            if (result.isTensor) {
                mapOf(Model.OUTPUT to array(result.toTensor()))
            } else {
                result.toDictStringKey().mapValues { (_, value) -> array(value.toTensor()) }
            }
        }

        override fun close() = module.destroy()

        private fun tensor(input: Input): Tensor {
            val elements = input.buffer()
            return when (input.dtype) {
                Element.F32 -> Tensor.fromBlob(elements.asFloatBuffer(), input.shape)
                Element.F64 -> Tensor.fromBlob(elements.asDoubleBuffer(), input.shape)
                Element.I32 -> Tensor.fromBlob(elements.asIntBuffer(), input.shape)
                Element.I64 -> Tensor.fromBlob(elements.asLongBuffer(), input.shape)
                Element.I8 -> Tensor.fromBlob(elements, input.shape)
                Element.U8 -> Tensor.fromBlobUnsigned(elements, input.shape)
                else -> throw Failure("PyTorch Mobile takes no inputs of type ${input.dtype.label}")
            }
        }

        private fun array(tensor: Tensor) = NdArray(tensor.shape(), values(tensor))

        private fun values(tensor: Tensor): FloatArray = when (tensor.dtype()) {
            DType.FLOAT32 -> tensor.dataAsFloatArray

            DType.FLOAT64 -> tensor.dataAsDoubleArray.let { all -> FloatArray(all.size) { all[it].toFloat() } }

            DType.INT32 -> tensor.dataAsIntArray.let { all -> FloatArray(all.size) { all[it].toFloat() } }

            DType.INT64 -> tensor.dataAsLongArray.let { all -> FloatArray(all.size) { all[it].toFloat() } }

            DType.INT8 -> tensor.dataAsByteArray.let { all -> FloatArray(all.size) { all[it].toFloat() } }

            DType.UINT8 -> tensor.dataAsUnsignedByteArray.let { all ->
                FloatArray(all.size) { (all[it].toInt() and 0xFF).toFloat() }
            }

            else -> throw Failure("the model returns a tensor of ${tensor.dtype()}, which is not supported")
        }
    }
}
