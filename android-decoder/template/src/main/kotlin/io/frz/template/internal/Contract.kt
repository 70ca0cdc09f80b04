package io.frz.template.internal

import io.frz.DType
import io.frz.FrzFile
import io.frz.loading.FrzLoadException

/** Compares the tensors that [layout] requires with those of [file]. */
internal class Contract(private val layout: Layout, private val file: FrzFile) {
    /** Describes how the file differs from what the template requires, or returns null if the file fits. */
    fun misfit(): String? {
        val missing = layout.tensors.keys.filter { sources(it).isEmpty() }
        val known = layout.tensors.keys + layout.ties.keys + layout.unused
        val unknown = (file.tensors.map { it.name } + file.aliases.keys).filter { it !in known }
        val faults = layout.tensors.mapNotNull { (name, shape) ->
            sources(name).firstNotNullOfOrNull { fault(it, shape) }?.let { "$name: $it" }
        }
        return listOfNotNull(
            listed("missing from the file: ", missing),
            listed("not in the model: ", unknown),
            listed("", faults)
        ).joinToString("; ").ifEmpty { null }
    }

    /** Returns the names of the required tensor [name] in the file; several if tied copies are stored separately. */
    fun sources(name: String): List<String> =
        layout.names(name).filter { it in file }.map { file.aliases[it] ?: it }.distinct()

    private fun fault(source: String, shape: LongArray): String? {
        val info = file.tensor(source)
        return when {
            !info.shape.contentEquals(shape) ->
                "shape ${info.shape.asList()} in the file, ${shape.asList()} in the model"

            info.dtype !in REAL -> "${info.dtype.label} in the file, ${DType.F32.label} in the model"

            else -> null
        }
    }

    private fun listed(what: String, faults: List<String>): String? {
        if (faults.isEmpty()) return null
        val more = if (faults.size > SHOWN) " and ${faults.size - SHOWN} more" else ""
        return what + faults.take(SHOWN).joinToString() + more
    }

    private companion object {
        const val SHOWN = 8
        val REAL = setOf(DType.F16, DType.BF16, DType.F32, DType.F64)
    }
}

/** Returns the exception for weights that do not fit a template. */
internal fun mismatch(problem: String) = FrzLoadException(
    FrzLoadException.Kind.MISMATCH,
    "the weights do not fit this template: $problem; ship the template and the .frz file of the same network"
)
