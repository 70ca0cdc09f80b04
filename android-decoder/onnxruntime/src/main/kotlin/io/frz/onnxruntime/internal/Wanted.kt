package io.frz.onnxruntime.internal

import ai.onnxruntime.OnnxJavaType
import io.frz.DType
import io.frz.FrzFile
import io.frz.loading.FrzContract

/**
 * A weight that a skeleton requires, as a tensor or as coefficients.
 *
 * @property shape the shape of the tensor, or (k,) for k coefficients
 * @property form the form of the coefficients (see [io.frz.TensorInfo.form]), or null for a tensor
 */
internal class Wanted(val shape: LongArray, val dtype: DType, val form: LongArray?) {
    /** The ONNX Runtime type of the elements. */
    val type: OnnxJavaType get() = ELEMENTS.first { it.dtype == dtype }.type

    /** The size of all elements, in bytes. */
    val bytes: Long get() = shape.fold(dtype.bytes.toLong()) { size, length -> Math.multiplyExact(size, length) }

    /**
     * Returns a description of how the tensor [name] of [file] differs from this weight, or null if the tensor fits.
     */
    fun misfit(name: String, file: FrzFile): String? {
        val info = file.tensor(name)
        return when {
            form != null -> FrzContract.formFault(info, form, shape.single())

            !info.shape.contentEquals(shape) ->
                "shape ${info.shape.asList()} in the file, ${shape.asList()} in the model"

            !info.dtype.converts(dtype) -> "${info.dtype.label} in the file, ${dtype.label} in the model"

            else -> null
        }
    }

    companion object {
        private val ELEMENTS = listOf(
            Element(1, DType.F32, OnnxJavaType.FLOAT),
            Element(2, DType.U8, OnnxJavaType.UINT8),
            Element(3, DType.I8, OnnxJavaType.INT8),
            Element(5, DType.I16, OnnxJavaType.INT16),
            Element(6, DType.I32, OnnxJavaType.INT32),
            Element(7, DType.I64, OnnxJavaType.INT64),
            Element(9, DType.BOOL, OnnxJavaType.BOOL),
            Element(10, DType.F16, OnnxJavaType.FLOAT16),
            Element(11, DType.F64, OnnxJavaType.DOUBLE),
            Element(16, DType.BF16, OnnxJavaType.BFLOAT16)
        )
        private val REAL = setOf(DType.F16, DType.BF16, DType.F32, DType.F64)
        private val WHOLE = setOf(DType.BOOL, DType.U8, DType.I8, DType.I16, DType.I32, DType.I64)

        /**
         * Returns the element type that ONNX denotes by [number], or null if sessions do not accept weights of that
         * type.
         */
        fun dtype(number: Long): DType? = ELEMENTS.find { it.number == number }?.dtype

        private fun DType.converts(to: DType) =
            this == to || (this in REAL && to in REAL) || (this in WHOLE && to in WHOLE)
    }

    /** An element type, which ONNX denotes by [number]. */
    private class Element(val number: Long, val dtype: DType, val type: OnnxJavaType)
}
