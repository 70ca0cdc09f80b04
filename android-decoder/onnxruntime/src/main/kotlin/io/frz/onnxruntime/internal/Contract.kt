package io.frz.onnxruntime.internal

import io.frz.FrzFile
import io.frz.onnxruntime.FrzSessionException
import io.frz.onnxruntime.FrzSessionException.Kind
import java.nio.ByteBuffer

/**
 * All that a skeleton wants of a file; see `help(frformat.runtimes.onnxruntime)`.
 *
 * @property wanted weights by name, tied ones once
 */
internal class Contract private constructor(
    val wanted: Map<String, Wanted>,
    private val ties: Map<String, String>,
    private val unused: Set<String>
) {
    /** All names of a wanted weight. */
    fun names(name: String): List<String> = listOf(name) + ties.filterValues { it == name }.keys

    /** In what [file] is not what the skeleton wants, or null. */
    fun misfit(file: FrzFile): String? {
        val sources = wanted.mapValues { (name, _) -> names(name).firstOrNull { it in file } }
        val known = wanted.keys + ties.keys + unused
        val there = file.tensors.map { it.name } + file.aliases.keys
        val faults = sources.mapNotNull { (name, source) ->
            source?.let { wanted.getValue(name).misfit(it, file) }?.let { "$name: $it" }
        }
        return listOfNotNull(
            listed("missing from the file: ", sources.filterValues { it == null }.keys),
            listed("not in the model: ", there.filter { it !in known }),
            listed("", faults)
        ).joinToString("; ").ifEmpty { null }
    }

    companion object {
        private const val SHOWN = 8

        // Numbers of fields of ONNX's messages.
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

        private fun listed(what: String, faults: Collection<String>): String? {
            if (faults.isEmpty()) return null
            val more = if (faults.size > SHOWN) " and ${faults.size - SHOWN} more" else ""
            return what + faults.take(SHOWN).joinToString() + more
        }

        /** What [skeleton] wants, whose bytes have been checked. */
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
            throw unsupported("its bytes are no ONNX model", e) // They are cut short, or say what cannot be.
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
            val dtype = Wanted.dtype(type) ?: throw unsupported("$name is of a type ($type) that cannot be given", null)
            val spectrum = facts["frz.spectrum"]?.split(",")?.map { it.toLong() }?.toLongArray()
            require(spectrum == null || shape.size == 1)
            wanted[name] = Wanted(shape.toLongArray(), dtype, spectrum)
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

        private fun unsupported(problem: String, cause: Throwable?) = FrzSessionException(
            Kind.SKELETON_UNSUPPORTED,
            "no weights can be given to this skeleton: $problem; export it again with `frformat export`",
            cause
        )
    }
}
