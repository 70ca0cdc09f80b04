package io.frz.onnxruntime.internal

import io.frz.DType
import io.frz.FrzFile
import io.frz.onnxruntime.OnRuntime
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests how the tensors of a file are compared with the weights that a skeleton requires. */
class WantedTest {
    private fun wanted(dtype: DType, form: LongArray?, vararg shape: Long) = Wanted(shape, dtype, form)

    @Test
    fun `tensors fit if shape and kind of numbers agree`() = FrzFile.open(OnRuntime.bytes("other.frz")).use { file ->
        assertNull(wanted(DType.F16, null, 4, 8).misfit("weight", file))
        val turned = wanted(DType.F32, null, 8, 4).misfit("weight", file)
        assertEquals("shape [4, 8] in the file, [8, 4] in the model", turned)
        assertEquals("f32 in the file, i64 in the model", wanted(DType.I64, null, 4, 8).misfit("weight", file))
        val raw = wanted(DType.F32, longArrayOf(4), 4).misfit("bias", file)
        assertEquals("no spectrum or factors in the file, coefficients in the model; export again", raw)
    }

    @Test
    fun `coefficients fit if form and number agree`() = FrzFile.open(OnRuntime.lenet5).use { file ->
        val info = file.tensors.first { it.form != null }
        val form = info.form!!
        val kept = info.coefficients
        assertNull(wanted(DType.F32, form, kept).misfit(info.name, file))
        val fewer = wanted(DType.F32, form, kept - 1).misfit(info.name, file)!!
        assertTrue(fewer.startsWith("$kept coefficients in the file, ${kept - 1} in the model; "), fewer)
        val other = wanted(DType.F32, form + 1, kept).misfit(info.name, file)!!
        assertTrue(other.startsWith("coefficients of form ${form.asList()} in the file, "), other)
    }
}
