package io.frz.pytorch.internal

import io.frz.FrzFile
import io.frz.TensorInfo
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind

/**
 * How a module uses one tensor of a file: rebuilt, as coefficients, or both.
 *
 * @property rebuilt the names under which the module takes the rebuilt tensor
 * @property coefficients the names under which the module takes the coefficients, if it is a factored network
 */
internal class Share private constructor(
    val info: TensorInfo,
    val rebuilt: List<String>,
    val coefficients: List<String>
) {
    /** The size of the rebuilt tensor in the runtime, in bytes; 0 if it is not rebuilt. */
    val rebuiltBytes: Long = if (rebuilt.isEmpty()) 0 else Elements.bytes(info)

    /** The size of the coefficients in the runtime, in bytes; 0 if they are not needed. */
    val coefficientBytes: Long = if (coefficients.isEmpty()) 0 else info.coefficients * Float.SIZE_BYTES

    /** The memory needed to prepare the tensor or its coefficients, in bytes. */
    val bytes: Long = maxOf(rebuiltBytes, coefficientBytes)

    companion object {
        /** Returns the shares of a module that takes the weights in [wanted] as coefficients of the given forms. */
        fun of(file: FrzFile, wanted: Map<String, List<Long>>): List<Share> {
            wanted.forEach { (name, form) -> if (name in file) check(file.tensor(name), name, form) }
            val aliases = file.aliases.entries.groupBy({ it.value }, { it.key })
            return file.tensors.map { info ->
                val names = listOf(info.name) + aliases[info.name].orEmpty()
                val (coefficients, rebuilt) = names.partition { it in wanted }
                Share(info, rebuilt, coefficients)
            }
        }

        private fun check(info: TensorInfo, name: String, form: List<Long>) {
            val stored = info.form?.asList()
            if (stored == form) return
            throw FrzLoadException(
                Kind.MISMATCH,
                "the skeleton expects the coefficients of $name in the form $form, but the file stores " +
                    (if (stored == null) "none" else "them in the form $stored") +
                    "; export the skeleton again with this file"
            )
        }
    }
}
