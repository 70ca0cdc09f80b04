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
 * @property inputs the names of those required weights that are inputs of the graph; the others are initializers
 */
internal class Contract private constructor(
    val wanted: Map<String, Wanted>,
    val inputs: Set<String>,
    ties: Map<String, String>,
    unused: Set<String>
) {
    private val names = FrzContract(wanted.keys, ties, unused)

    /** Whether some weights are required as coefficients, so that the skeleton is factored. */
    val hasCoefficients: Boolean get() = wanted.values.any { it.form != null }

    /** The size of all required weights that are initializers, in bytes. */
    val initializerBytes: Long get() = bytes(wanted.keys - inputs)

    /** The size of all required weights that are inputs, in bytes. */
    val inputBytes: Long get() = bytes(inputs)

    private fun bytes(names: Set<String>) = names.fold(0L) { sum, name -> sum + wanted.getValue(name).bytes }

    /** Returns the names of the required weight [name] in [file]: several if tied copies are stored separately. */
    fun sources(name: String, file: FrzFile): List<String> = names.sources(name, file)

    /** Returns a description of how [file] differs from what the skeleton requires, or null if the file fits. */
    fun misfit(file: FrzFile): String? =
        names.misfit(file) { name, sources -> sources.firstNotNullOfOrNull { wanted.getValue(name).misfit(it, file) } }

    companion object {
        // The field numbers of ONNX's messages.
        private const val GRAPH = 7
        private const val METADATA = 14
        private const val INITIALIZER = 5
        private const val INPUT = 11
        private const val DIMS = 1
        private const val DATA_TYPE = 2
        private const val NAME = 8
        private const val EXTERNAL_DATA = 13
        private const val DATA_LOCATION = 14
        private const val KEY = 1
        private const val VALUE = 2
        private const val INPUT_NAME = 1
        private const val INPUT_TYPE = 2
        private const val TENSOR = 1
        private const val ELEMENT = 1
        private const val SHAPE = 2
        private const val AXIS = 1
        private const val LENGTH = 1

        /** Reads the contract of [skeleton], whose checksum has been verified. */
        fun of(skeleton: ByteArray): Contract = try {
            val wanted = LinkedHashMap<String, Wanted>()
            val inputs = HashMap<String, Message>()
            val metadata = HashMap<String, String>()
            Message(ByteBuffer.wrap(skeleton)).each { field, _, part ->
                when (field) {
                    GRAPH -> part.each { inner, _, value ->
                        if (inner == INITIALIZER) initializer(value, wanted)
                        if (inner == INPUT) input(value, inputs)
                    }

                    METADATA -> entry(part, metadata)
                }
            }
            val weights = metadata["frz.inputs"]?.split("\n").orEmpty().toSet()
            for (name in weights) wanted[name] = tensor(name, inputs.getValue(name))
            val ties = metadata["frz.ties"]?.split("\n").orEmpty()
            val unused = metadata["frz.unused"]?.split("\n").orEmpty()
            Contract(wanted, weights, ties.chunked(2).associate { it[0] to it[1] }, unused.toSet())
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
            val form = facts["frz.form"]?.split(",")?.map { it.toLong() }?.toLongArray()
            require(form == null || shape.size == 1)
            wanted[name] = Wanted(shape.toLongArray(), dtype(name, type), form)
        }

        /** Adds the name and the type of the input [message] to [inputs]. */
        private fun input(message: Message, inputs: MutableMap<String, Message>) {
            var name = ""
            var type = Message.NONE
            message.each { field, _, part ->
                if (field == INPUT_NAME) name = part.text()
                if (field == INPUT_TYPE) type = part
            }
            inputs[name] = type
        }

        /** Returns the shape and the element type of the weight [name], which is an input of type [message]. */
        private fun tensor(name: String, message: Message): Wanted {
            var type = 0L
            val shape = ArrayList<Long>()
            message.fields(TENSOR) { tensor ->
                tensor.each { field, number, part ->
                    if (field == ELEMENT) type = number
                    if (field == SHAPE) part.fields(AXIS) { axis -> shape.add(length(axis)) }
                }
            }
            return Wanted(shape.toLongArray(), dtype(name, type), null)
        }

        private fun length(axis: Message): Long {
            var length = 0L
            axis.each { field, number, _ -> if (field == LENGTH) length = number }
            return length
        }

        private fun dtype(name: String, type: Long) =
            Wanted.dtype(type) ?: throw unsupported("$name has element type $type, which is not supported", null)

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
