package io.frz.template.internal

import io.frz.DType
import io.frz.FrzFile
import io.frz.loading.FrzContract
import io.frz.loading.FrzLoadException

/** Compares the tensors that [layout] requires with those of [file]. */
internal class Contract(private val layout: Layout, private val file: FrzFile) {
    private val names = FrzContract(layout.tensors.keys, layout.ties, layout.unused)

    /** Returns a description of how the file differs from what the template requires, or null if the file fits. */
    fun misfit(): String? = names.misfit(file) { name, sources ->
        sources.firstNotNullOfOrNull { fault(it, layout.tensors.getValue(name)) }
    }

    /** Returns the names of the required tensor [name] in the file: several if tied copies are stored separately. */
    fun sources(name: String): List<String> = names.sources(name, file)

    private fun fault(source: String, wanted: Wanted): String? {
        val info = file.tensor(source)
        return when {
            wanted.form != null -> FrzContract.formFault(info, wanted.form, wanted.shape.single())

            !info.shape.contentEquals(wanted.shape) ->
                "shape ${info.shape.asList()} in the file, ${wanted.shape.asList()} in the model"

            info.dtype !in REAL -> "${info.dtype.label} in the file, ${DType.F32.label} in the model"

            else -> null
        }
    }

    private companion object {
        val REAL = setOf(DType.F16, DType.BF16, DType.F32, DType.F64)
    }
}

/** Returns the exception for weights that do not fit a template. */
internal fun mismatch(problem: String) = FrzLoadException(
    FrzLoadException.Kind.MISMATCH,
    "the weights do not fit this template: $problem; ship the template and the .frz file of the same network"
)
