package io.frz.onnxruntime.internal

import ai.onnxruntime.OnnxJavaType
import io.frz.DType
import io.frz.FrzFile

/**
 * A weight that a skeleton requires, as a tensor or as coefficients.
 *
 * @property shape the shape of the tensor, or (k,) for k coefficients
 * @property form what the coefficients stand for (see [io.frz.TensorInfo.form]), or null for a tensor
 */
internal class Wanted(val shape: LongArray, val dtype: DType, val form: LongArray?) {
    /** The type of the weight's elements in ONNX Runtime. */
    val type: OnnxJavaType get() = TYPES.getValue(dtype)

    /** The size of all elements, in bytes. */
    val bytes: Long get() = shape.fold(dtype.bytes.toLong()) { size, length -> Math.multiplyExact(size, length) }

    /** Describes how the tensor [name] of [file] differs from this weight, or returns null if the tensor fits. */
    fun misfit(name: String, file: FrzFile): String? {
        val info = file.tensor(name)
        val stored = info.form
        return when {
            form == null && !info.shape.contentEquals(shape) ->
                "shape ${info.shape.asList()} in the file, ${shape.asList()} in the model"

            form == null && !info.dtype.converts(dtype) ->
                "${info.dtype.label} in the file, ${dtype.label} in the model"

            form == null -> null

            stored == null -> "coefficients required, stored without a spectrum or factors; export again"

            !stored.contentEquals(form) ->
                "coefficients of form ${stored.asList()} in the file, ${form.asList()} in the model; " +
                    "choose its tier, or export again"

            info.coefficients != shape.single() ->
                "${info.coefficients} coefficients in the file, ${shape.single()} in the model; " +
                    "choose its tier, or export again"

            else -> null
        }
    }

    companion object {
        private val TYPES = mapOf(
            DType.F32 to OnnxJavaType.FLOAT,
            DType.F64 to OnnxJavaType.DOUBLE,
            DType.F16 to OnnxJavaType.FLOAT16,
            DType.BF16 to OnnxJavaType.BFLOAT16,
            DType.U8 to OnnxJavaType.UINT8,
            DType.I8 to OnnxJavaType.INT8,
            DType.I16 to OnnxJavaType.INT16,
            DType.I32 to OnnxJavaType.INT32,
            DType.I64 to OnnxJavaType.INT64,
            DType.BOOL to OnnxJavaType.BOOL
        )
        private val NUMBERS = mapOf(
            1L to DType.F32,
            2L to DType.U8,
            3L to DType.I8,
            5L to DType.I16,
            6L to DType.I32,
            7L to DType.I64,
            9L to DType.BOOL,
            10L to DType.F16,
            11L to DType.F64,
            16L to DType.BF16
        )
        private val REAL = setOf(DType.F16, DType.BF16, DType.F32, DType.F64)
        private val WHOLE = setOf(DType.BOOL, DType.U8, DType.I8, DType.I16, DType.I32, DType.I64)

        /**
         * Returns the element type with ONNX's number [number], or null if sessions do not accept weights of that type.
         */
        fun dtype(number: Long): DType? = NUMBERS[number]

        private fun DType.converts(to: DType) =
            this == to || (this in REAL && to in REAL) || (this in WHOLE && to in WHOLE)
    }
}
