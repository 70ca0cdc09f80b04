package io.frz.template.internal

import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind as Problem
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Parses the map of a template; see `spec/template.md`. */
internal class LayoutParser private constructor(private val map: MapReader) {
    private val tensors = LinkedHashMap<String, Wanted>()
    private val names = ArrayList<String>()
    private val lengths = HashMap<Value, Long>()

    private fun parse(): Layout {
        val runtime = map.text()
        map.text() // The exporter and its version are for information only.
        val size = map.number(FILE_BYTES)
        map.list(read = ::tensor)
        val normalizations = map.list(read = ::normalization)
        val values = map.list { value(normalizations) }
        val steps = values.sumOf { it.computed?.steps ?: lengths.getValue(it) }
        require(steps <= STEPS) { "its values take $steps steps to compute, and may take at most $STEPS" }
        var end = 0L
        val places = map.list { place(end, values).also { end = it.end } }
        end = 0L
        val digests = map.list { Digest(end + map.number(FILE_BYTES), map.item(places)).also { end = it.end } }
        val ties = map.list { map.text() to map.item(names) }.toMap()
        val unused = map.list { map.text() }.toSet()
        require(map.remaining == 0) { "its map has ${map.remaining} bytes too many" }
        return Layout(runtime, size, tensors, normalizations, values, places, digests, ties, unused).also(::checkHoles)
    }

    private fun tensor() {
        val name = map.text()
        require(name !in tensors) { "$name occurs twice in its map" }
        val shape = map.list(RANK) { map.number(FILE_BYTES) }.toLongArray().also(::elements)
        val form = map.list(2 * RANK) { map.signed(FILE_BYTES) }.toLongArray().takeIf { it.isNotEmpty() }
        require(form == null || shape.size == 1) { "the coefficients of $name have shape ${shape.asList()}" }
        if (form != null && form.last() > 0) {
            val isSuitable = form.size <= RANK && form.all { it > 0 } && shape[0] in 1..elements(form)
            require(isSuitable) { "$name cannot have ${shape[0]} coefficients of form ${form.asList()}" }
        }
        tensors[name] = Wanted(shape, form)
        names.add(name)
    }

    private fun normalization(): Normalization {
        val eps = map.real()
        val tensors = List(PARTS) { map.optional(names) }
        val found = Normalization(eps, requireNotNull(tensors[0]), requireNotNull(tensors[1]), tensors[2], tensors[3])
        val channels = shape(found.variance)
        require(channels.size == 1 && found.tensors.all { shape(it).contentEquals(channels) }) {
            "the normalization of ${found.variance} has tensors of unsuitable shapes"
        }
        return found
    }

    private fun value(normalizations: List<Normalization>): Value {
        val kind = map.item(Kind.entries)
        return when (kind) {
            Kind.PLAIN -> {
                val tensor = tensorName()
                Value(kind, tensor, null).also { lengths[it] = elements(shape(tensor)) }
            }

            Kind.SCALED, Kind.SHIFTED -> normalized(kind, normalizations)

            Kind.CORE -> {
                val tensor = tensorName()
                computed(kind, tensor, core(tensor))
            }

            Kind.BASIS -> computed(kind, null, Basis(axes()))

            Kind.PRODUCT -> computed(kind, null, Product(axes(), map.number(FILE_BYTES), axes()))
        }
    }

    private fun tensorName() = requireNotNull(map.optional(names)) { "a value of its map has no tensor" }

    private fun computed(kind: Kind, tensor: String?, computed: Computed): Value {
        require(computed.terms <= TERMS) { "a value of its map adds up ${computed.terms} products" }
        return Value(kind, tensor, null, computed = computed).also { lengths[it] = computed.elements }
    }

    private fun core(tensor: String): Core {
        val wanted = tensors.getValue(tensor)
        val form = wanted.form?.takeIf { it.last() > 0 }
        requireNotNull(form) { "$tensor has a core, but it is not a spectrum" }
        val box = map.list(RANK) { map.number(FILE_BYTES) }.toLongArray()
        val expanded = map.list(RANK) { map.number(form.size - 1L).toInt() }
        return Core(tensor, wanted.shape[0], form, box, expanded)
    }

    private fun axes(): Axes {
        val pairs = map.list(RANK) { map.number(FILE_BYTES).let { it to map.number(it) } }
        require(pairs.all { (_, r) -> r > 0 }) { "a basis in its map has no basis functions" }
        val axes = Axes(LongArray(pairs.size) { pairs[it].first }, LongArray(pairs.size) { pairs[it].second })
        elements(longArrayOf(axes.rows, axes.columns))
        return axes
    }

    private fun normalized(kind: Kind, normalizations: List<Normalization>): Value {
        val tensor = map.optional(names)
        require(tensor == null || tensors.getValue(tensor).form == null) { "$tensor has a scale, but coefficients" }
        val axis = if (kind == Kind.SCALED) map.number(RANK).toInt() else 0
        val normalization = map.item(normalizations)
        val channels = shape(normalization.variance)
        val shape = tensor?.let(::shape) ?: channels
        val isSuitable = shape.getOrNull(axis) == channels[0] && (kind == Kind.SCALED || shape.size == 1)
        require(isSuitable) { "the shape of $tensor does not suit its normalization" }
        val inner = elements(shape.copyOfRange(axis + 1, shape.size))
        return Value(kind, tensor, normalization, inner).also { lengths[it] = elements(shape) }
    }

    private fun place(end: Long, values: List<Value>): Place {
        val offset = end + map.number(FILE_BYTES)
        val value = map.item(values)
        val start = map.number(FILE_BYTES)
        val loops = map.list(RANK) { map.number(FILE_BYTES) to map.signed(FILE_BYTES) }
        val place = Place(
            offset,
            value,
            start,
            LongArray(loops.size) { loops[it].first },
            LongArray(loops.size) { loops[it].second }
        )
        require(place.elements in 1..FILE_BYTES) { "a place at byte $offset has ${place.elements} elements" }
        val reach = loops.map { (count, stride) -> Math.multiplyExact(count - 1, stride) }
        val low = reach.fold(start) { sum, each -> Math.addExact(sum, minOf(0, each)) }
        val high = reach.fold(start) { sum, each -> Math.addExact(sum, maxOf(0, each)) }
        val exist = low >= 0 && high < lengths.getValue(value)
        require(exist) { "a place at byte $offset uses elements that do not exist" }
        return place
    }

    private fun shape(name: String) = tensors.getValue(name).shape

    private fun checkHoles(layout: Layout) {
        var end = 0L
        for ((start, next) in layout.holes) {
            require(start >= end && next <= layout.size) {
                "places overlap at byte $start, or extend past the end of the file"
            }
            end = next
        }
    }

    companion object {
        private val MAGIC = byteArrayOf(0x89.toByte(), 'F'.code.toByte(), 'R'.code.toByte(), 'T'.code.toByte())
        private const val VERSION = 1
        private const val HEADER = 9
        private const val SEAL = 18
        private const val MAP_BYTES = 1 shl 22
        private const val FILE_BYTES = 1L shl 40
        private const val RANK = 8L
        private const val PARTS = 4
        private const val TERMS = 1L shl 34

        /** The maximum number of steps to compute all values of a template, which takes about a minute. */
        private const val STEPS = 1L shl 35

        /**
         * Parses [template], whose checksum has been verified, and passes the map and the stream of literal bytes to
         * [use].
         */
        fun <T> parsed(template: ByteArray, use: (Layout, Stream) -> T): T {
            if (template.size < HEADER + SEAL || !template.copyOf(MAGIC.size).contentEquals(MAGIC)) {
                throw unsupported("it is not a template")
            }
            val header = ByteBuffer.wrap(template).order(ByteOrder.LITTLE_ENDIAN)
            val version = header.get(MAGIC.size).toInt()
            if (version != VERSION) throw unsupported("it has version $version, not $VERSION")
            val size = header.getInt(MAGIC.size + 1)
            if (size !in 0..MAP_BYTES) throw damaged("its map is larger than $MAP_BYTES bytes")
            return Stream(template, HEADER, template.size - SEAL).use { use(layout(it.take(size)), it) }
        }

        private fun layout(map: ByteArray): Layout = try {
            LayoutParser(MapReader(map)).parse()
        } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
            throw damaged(e.message ?: "its map is malformed", e) // A field is truncated or has an impossible value.
        } catch (e: IOException) {
            throw damaged("its map contains malformed text", e)
        }

        private fun elements(shape: LongArray): Long {
            var count = 1L
            for (length in shape) {
                count = Math.multiplyExact(count, length)
                require(count <= FILE_BYTES) { "a tensor of shape ${shape.asList()} is too large" }
            }
            return count
        }

        private fun unsupported(problem: String) = FrzLoadException(
            Problem.SKELETON_UNSUPPORTED,
            "this template cannot be used: $problem; export it again with `frformat export`"
        )
    }
}

/** Returns the exception for a malformed template. */
internal fun damaged(problem: String, cause: Throwable? = null) = FrzLoadException(
    Problem.SKELETON_DAMAGED,
    "this is not an intact template: $problem; export it again with `frformat export`",
    cause
)
