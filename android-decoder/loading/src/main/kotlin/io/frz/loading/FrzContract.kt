package io.frz.loading

import io.frz.FrzFile
import io.frz.TensorInfo

/**
 * The names of the weights that a skeleton requires. A [FrzRuntime] compares them with those in the `.frz` file.
 *
 * @property required the names of the required weights; a group of tied weights appears once
 * @param ties additional names of tied weights, mapped to their names in [required]
 * @param unused names of weights of the network that the skeleton does not require; a file can contain them
 */
public class FrzContract(
    public val required: Set<String>,
    private val ties: Map<String, String>,
    private val unused: Set<String>
) {
    private val copies = ties.entries.groupBy({ it.value }, { it.key })

    /**
     * Returns the names under which [file] stores the required weight [name]: none if the weight is missing, several if
     * the file stores tied copies separately.
     */
    public fun sources(name: String, file: FrzFile): List<String> =
        (listOf(name) + copies[name].orEmpty()).filter { it in file }.map { file.aliases[it] ?: it }.distinct()

    /**
     * Returns a description of how [file] differs from what the skeleton requires, or null if it fits. This function
     * compares names. For each required weight that [file] contains, [fault] compares the weight with its [sources] and
     * returns a description of the difference, or null if they fit.
     */
    public fun misfit(file: FrzFile, fault: (name: String, sources: List<String>) -> String?): String? {
        val sources = required.associateWith { sources(it, file) }
        val known = required + ties.keys + unused
        val present = file.tensors.map { it.name } + file.aliases.keys
        val faults = sources.filterValues { it.isNotEmpty() }.mapNotNull { (name, found) ->
            fault(name, found)?.let { "$name: $it" }
        }
        return listOfNotNull(
            listed("missing from the file: ", sources.filterValues { it.isEmpty() }.keys),
            listed("not in the model: ", present.filter { it !in known }),
            listed("", faults)
        ).joinToString("; ").ifEmpty { null }
    }

    private fun listed(what: String, faults: Collection<String>): String? {
        if (faults.isEmpty()) return null
        val more = if (faults.size > SHOWN) " and ${faults.size - SHOWN} more" else ""
        return what + faults.take(SHOWN).joinToString() + more
    }

    /** Compares coefficients. */
    public companion object {
        private const val SHOWN = 8

        /**
         * Returns a description of how the coefficients of the tensor [info] differ from the [count] coefficients of
         * the form [form] (see [TensorInfo.form]) that a skeleton requires, or null if they fit.
         */
        @JvmStatic
        public fun formFault(info: TensorInfo, form: LongArray, count: Long): String? {
            val stored = info.form
            return when {
                stored == null -> "no spectrum or factors in the file, coefficients in the model; export again"

                !stored.contentEquals(form) ->
                    "coefficients of form ${stored.asList()} in the file, ${form.asList()} in the model; " +
                        "choose its tier, or export again"

                info.coefficients != count ->
                    "${info.coefficients} coefficients in the file, $count in the model; " +
                        "choose its tier, or export again"

                else -> null
            }
        }
    }
}
