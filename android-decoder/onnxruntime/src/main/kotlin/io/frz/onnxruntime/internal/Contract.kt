package io.frz.onnxruntime.internal

import io.frz.FrzFile
import io.frz.loading.FrzContract
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import java.nio.ByteBuffer

/**
 * The weights that a skeleton requires; see `help(frformat.runtimes.onnxruntime)`.
 *
 * @property wanted the required weights by name; a group of tied weights appears once
 */
internal class Contract private constructor(
    val wanted: Map<String, Wanted>,
    ties: Map<String, String>,
    unused: Set<String>
) {
    private val names = FrzContract(wanted.keys, ties, unused)

    /** Whether some weights are required as coefficients, so that the skeleton is factored. */
    val hasCoefficients: Boolean get() = wanted.values.any { it.form != null }

    /** Returns the names of the required weight [name] in [file]: several if tied copies are stored separately. */
    fun sources(name: String, file: FrzFile): List<String> = names.sources(name, file)

    /** Returns a description of how [file] differs from what the skeleton requires, or null if the file fits. */
    fun misfit(file: FrzFile): String? =
        names.misfit(file) { name, sources -> wanted.getValue(name).misfit(sources.first(), file) }

    companion object {
        // The field numbers of ONNX's messages.
        private const val GRAPH = 7
        private const val METADATA = 14
        private const val INITIALIZER = 5
        private const val DIMS = 1
        private const val DATA_TYPE = 2
        private const val NAME = 8
        private const val EXTERNAL_DATA = 13
        private const val DATA_LOCATION = 14
        private const val KEY = 1
        private const val VALUE = 2

        /** Reads the contract of [skeleton], whose checksum has been verified. */
        fun of(skeleton: ByteArray): Contract = try {
            val wanted = LinkedHashMap<String, Wanted>()
            val metadata = HashMap<String, String>()
            Message(ByteBuffer.wrap(skeleton)).each { field, _, part ->
                when (field) {
                    GRAPH -> part.each { inner, _, tensor -> if (inner == INITIALIZER) initializer(tensor, wanted) }
                    METADATA -> entry(part, metadata)
                }
            }
            val ties = metadata["frz.ties"]?.split("\n").orEmpty()
            val unused = metadata["frz.unused"]?.split("\n").orEmpty()
            Contract(wanted, ties.chunked(2).associate { it[0] to it[1] }, unused.toSet())
        } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
            throw unsupported("it is not an ONNX model", e) // A field is truncated or has an impossible value.
        }

        private fun initializer(message: Message, wanted: MutableMap<String, Wanted>) {
            var name = ""
            var isExternal = false
            var type = 0L
            val shape = ArrayList<Long>()
            val facts = HashMap<String, String>()
            message.each { field, number, part ->
                when (field) {
                    DIMS -> if (part.isEmpty) shape.add(number) else part.numbers(shape)
                    DATA_TYPE -> type = number
                    NAME -> name = part.text()
                    EXTERNAL_DATA -> entry(part, facts)
                    DATA_LOCATION -> isExternal = number == 1L
                }
            }
            if (!isExternal) return
            val dtype =
                Wanted.dtype(type) ?: throw unsupported("$name has element type $type, which is not supported", null)
            val form = facts["frz.form"]?.split(",")?.map { it.toLong() }?.toLongArray()
            require(form == null || shape.size == 1)
            wanted[name] = Wanted(shape.toLongArray(), dtype, form)
        }

        private fun entry(message: Message, into: MutableMap<String, String>) {
            var key = ""
            var value = ""
            message.each { field, _, part ->
                if (field == KEY) key = part.text()
                if (field == VALUE) value = part.text()
            }
            into[key] = value
        }

        private fun unsupported(problem: String, cause: Throwable?) = FrzLoadException(
            Kind.SKELETON_UNSUPPORTED,
            "this skeleton cannot be used: $problem; export it again with `frformat export`",
            cause
        )
    }
}
