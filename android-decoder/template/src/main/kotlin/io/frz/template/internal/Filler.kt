package io.frz.template.internal

import io.frz.DType
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzTensor
import io.frz.loading.FrzLoad
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest

/** Fills a template: combines the literal bytes in [stream] with [weights] as [layout] specifies. */
internal class Filler(
    private val layout: Layout,
    private val stream: Stream,
    private var weights: FrzFile,
    private val load: FrzLoad
) {
    private val contract = Contract(layout, weights)
    private val places = layout.places.groupBy { it.value }
    private val total = layout.places.sumOf { it.elements * Place.BYTES }
    private var done = 0L

    /** Checks that the weights fit, and that filling needs no more memory than the options allow. */
    fun check() {
        contract.misfit()?.let { throw mismatch(it) }
        if (layout.size > Int.MAX_VALUE) {
            throw FrzException(ErrorCode.BUDGET, "a filled file of ${layout.size} bytes does not fit into a buffer")
        }
        val largest = weights.tensors.maxByOrNull { it.bytes }
        val copies = if (layout.ties.isEmpty()) 1 else 2
        val small = layout.normalizations.flatMap { it.tensors }.toSet().sumOf {
            val info = weights.tensor(contract.sources(it).first())
            if (isCoded(it)) info.coefficients * Float.SIZE_BYTES else info.bytes
        }
        val working = layout.values.maxOfOrNull(::workingBytes) ?: 0
        weights = load.admit(weights, layout.size + copies * (largest?.bytes ?: 0) + small + working, largest?.name)
    }

    /** Checks the box of a core, and returns the memory that computing [value] takes. */
    private fun workingBytes(value: Value): Long {
        val computed = value.computed ?: return if (value.kind == Kind.SCALED) scaleBytes(value) else 0
        if (computed is Core && !computed.box.contentEquals(weights.tensor(contract.sources(value.tensor!!)[0]).box)) {
            throw damaged("the box ${computed.box.asList()} of ${value.tensor} does not suit its coefficients")
        }
        if (computed.working > Int.MAX_VALUE) {
            throw FrzException(ErrorCode.BUDGET, "a value with ${computed.elements} elements does not fit into memory")
        }
        return computed.working * Double.SIZE_BYTES
    }

    /** Returns the memory that the scale of each channel takes. */
    private fun scaleBytes(value: Value): Long =
        Double.SIZE_BYTES * layout.tensors.getValue(value.normalization!!.variance).shape[0]

    /** Fills [target], which has the size of the filled file. */
    fun fill(target: ByteBuffer) {
        val bytes = target.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        literal(bytes.duplicate())
        load.report(0, total)
        val small = layout.normalizations.flatMap { it.tensors }.toSet().associateWith {
            read(it, contract.sources(it).first()).elements()
        }
        val scales = layout.normalizations.associateWith { Scale(it, small::getValue) }
        for (value in layout.values) if (value.tensor == null) write(value, scales, null, bytes)
        val ofTensors = layout.values.filter { it.tensor != null }.groupBy { it.tensor!! }
        val (coded, whole) = layout.tensors.keys.partition(::isCoded)
        for (name in coded) {
            load.checkCancelled()
            val coefficients = weights.coefficients(contract.sources(name).first()).elements()
            for (value in ofTensors[name].orEmpty()) write(value, scales, coefficients, bytes)
        }
        val names = whole.groupBy { contract.sources(it).first() }
        // Tied tensors can have several sources, which must all be equal.
        layout.tensors.keys.forEach(::checkTied)
        val largest = weights.tensors.filter { it.name in names }.maxOfOrNull { it.bytes } ?: 0
        load.memory(largest).use { memory ->
            val room = memory.allocate(largest)
            weights.forEach({ if (it.name in names) room.duplicate() else null }) { tensor ->
                load.checkCancelled()
                val elements = tensor.elements()
                if (tensor.dtype == DType.F64) check(elements, tensor.shape)
                for (name in names.getValue(tensor.name)) {
                    for (value in ofTensors[name].orEmpty()) write(value, scales, elements, bytes)
                }
            }
        }
        for ((place, digests) in layout.digests.groupBy { it.place }) {
            val digits = digest(place, bytes)
            for (digest in digests) bytes.duplicate().apply { position(digest.offset.toInt()) }.put(digits)
        }
        load.checkCancelled()
    }

    private fun literal(target: ByteBuffer) {
        for ((start, end) in layout.holes) {
            stream.copy(start - target.position(), target, load::checkCancelled)
            target.position(end.toInt())
        }
        stream.copy(layout.size - target.position(), target, load::checkCancelled)
        stream.finish()
    }

    private fun checkTied(name: String) {
        val sources = contract.sources(name)
        if (sources.size < 2) return
        val first = read(name, sources[0])
        for (source in sources.drop(1)) {
            val other = read(name, source)
            if (other.dtype != first.dtype || other.buffer != first.buffer) {
                throw mismatch("$name and $source are one tensor in the model, but differ in the file")
            }
        }
    }

    /** Returns what the template requires of [name], of which [source] is a copy in the file. */
    private fun read(name: String, source: String) =
        if (isCoded(name)) weights.coefficients(source) else weights.load(source)

    private fun isCoded(name: String) = layout.tensors.getValue(name).form != null

    private fun write(value: Value, scales: Map<Normalization, Scale>, source: Elements?, target: ByteBuffer) {
        val normalization = value.normalization
        val elements = if (value.computed != null) {
            value.computed.compute(source, load::checkCancelled).elements()
        } else if (normalization == null) {
            source!!
        } else {
            normalized(value, normalization, scales.getValue(normalization), source)
        }
        for (place in places[value].orEmpty()) {
            target.position(place.offset.toInt())
            write(place, 0, place.start.toInt(), elements, target)
            done += place.elements * Place.BYTES
            load.report(done, total)
        }
    }

    private fun normalized(value: Value, normalization: Normalization, scale: Scale, source: Elements?): Elements {
        val channels = layout.tensors.getValue(normalization.variance).shape
        val elements = if (value.kind == Kind.SCALED) {
            scale.scaled(source, channels[0].toInt(), value.inner.toInt())
        } else {
            scale.shifted(source)
        }
        check(elements, value.tensor?.let { layout.tensors.getValue(it).shape } ?: channels)
        return elements
    }

    /** Reads all [elements] of an array of [shape]: even those that no place uses must fit into 32-bit floats. */
    private fun check(elements: Elements, shape: LongArray) {
        for (index in 0 until shape.fold(1L, Long::times).toInt()) {
            if (index % STEPS == 0) load.checkCancelled()
            elements.float(index)
        }
    }

    /** Writes the elements that loop [depth] of [place] and its inner loops visit, from element [start] on. */
    private fun write(place: Place, depth: Int, start: Int, elements: Elements, target: ByteBuffer) {
        if (depth == place.counts.size) {
            target.putFloat(elements.float(start))
            return
        }
        val stride = place.strides[depth].toInt()
        var index = start
        if (depth == place.counts.size - 1) {
            repeat(place.counts[depth].toInt()) {
                target.putFloat(elements.float(index))
                index += stride
            }
            return
        }
        repeat(place.counts[depth].toInt()) {
            if (depth == 0) load.checkCancelled()
            write(place, depth + 1, index, elements, target)
            index += stride
        }
    }

    /** Returns the SHA-256 of the bytes of [place] in [target] as hexadecimal digits. */
    private fun digest(place: Place, target: ByteBuffer): ByteArray {
        val content = target.duplicate()
        val digest = MessageDigest.getInstance("SHA-256")
        for (start in place.offset until place.end step STEPS.toLong()) {
            load.checkCancelled()
            content.limit(minOf(place.end, start + STEPS).toInt()).position(start.toInt())
            digest.update(content)
        }
        return digest.digest().joinToString("") { "%02x".format(it) }.toByteArray()
    }

    private companion object {
        /** The number of elements or bytes to process before asking whether loading has been cancelled. */
        const val STEPS = 1 shl 16
    }
}
