package io.frz.template.internal

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
            weights.tensor(contract.sources(it).first()).bytes
        }
        val working = layout.values.maxOfOrNull(::workingBytes) ?: 0
        weights = load.admit(weights, layout.size + copies * (largest?.bytes ?: 0) + small + working, largest?.name)
    }

    /** Checks the box of a core, and returns the memory that computing [value] takes. */
    private fun workingBytes(value: Value): Long {
        val computed = value.computed ?: return 0
        if (computed is Core && !computed.box.contentEquals(weights.tensor(contract.sources(value.tensor!!)[0]).box)) {
            throw damaged("the box ${computed.box.asList()} of ${value.tensor} does not suit its coefficients")
        }
        if (computed.working > Int.MAX_VALUE) {
            throw FrzException(ErrorCode.BUDGET, "a value with ${computed.elements} elements does not fit into memory")
        }
        return computed.working * Double.SIZE_BYTES
    }

    /** Fills [target], which has the size of the filled file. */
    fun fill(target: ByteBuffer) {
        val bytes = target.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        literal(bytes.duplicate())
        load.report(0, total)
        val small = layout.normalizations.flatMap { it.tensors }.toSet().associateWith {
            weights.load(contract.sources(it).first()).elements()
        }
        val scales = layout.normalizations.associateWith { Scale(it, small::getValue) }
        for (value in places.keys) if (value.tensor == null) write(value, scales, null, bytes)
        val (coded, whole) = places.keys.filter { it.tensor != null }.partition { isCoded(it.tensor!!) }
        for ((source, coefficients) in coded.groupBy { contract.sources(it.tensor!!).first() }) {
            load.checkCancelled()
            val tensor = weights.coefficients(source)
            for (value in coefficients) write(value, scales, tensor, bytes)
        }
        val values = whole.groupBy { contract.sources(it.tensor!!).first() }
        // Tied tensors can have several sources, which must all be equal.
        layout.tensors.keys.forEach(::checkTied)
        val largest = weights.tensors.filter { it.name in values }.maxOfOrNull { it.bytes } ?: 0
        load.memory(largest).use { memory ->
            val room = memory.allocate(largest)
            weights.forEach({ if (it.name in values) room.duplicate() else null }) { tensor ->
                load.checkCancelled()
                for (value in values.getValue(tensor.name)) write(value, scales, tensor, bytes)
            }
        }
        for (digest in layout.digests) digest(digest, bytes)
        load.checkCancelled()
    }

    private fun literal(target: ByteBuffer) {
        for ((start, end) in layout.holes) {
            load.checkCancelled()
            stream.copy(start - target.position(), target)
            target.position(end.toInt())
        }
        stream.copy(layout.size - target.position(), target)
        stream.finish()
    }

    private fun checkTied(name: String) {
        val sources = contract.sources(name)
        if (sources.size < 2) return
        val read = if (isCoded(name)) weights::coefficients else weights::load
        val first = read(sources[0])
        for (source in sources.drop(1)) {
            val other = read(source)
            if (other.dtype != first.dtype || other.buffer != first.buffer) {
                throw mismatch("$name and $source are one tensor in the model, but differ in the file")
            }
        }
    }

    private fun isCoded(name: String) = layout.tensors.getValue(name).form != null

    private fun write(value: Value, scales: Map<Normalization, Scale>, tensor: FrzTensor?, target: ByteBuffer) {
        val source = tensor?.elements()
        val normalization = value.normalization
        val elements = if (value.computed != null) {
            value.computed.compute(source, load::checkCancelled).elements()
        } else if (normalization == null) {
            source!!
        } else {
            val channels = layout.tensors.getValue(normalization.variance).shape[0].toInt()
            val scale = scales.getValue(normalization)
            if (value.kind == Kind.SCALED) {
                scale.scaled(source, channels, value.inner.toInt())
            } else {
                scale.shifted(source)
            }
        }
        for (place in places.getValue(value)) {
            target.position(place.offset.toInt())
            write(place, 0, place.start.toInt(), elements, target)
            done += place.elements * Place.BYTES
            load.report(done, total)
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

    private fun digest(digest: Digest, target: ByteBuffer) {
        val content = target.duplicate()
        content.limit(digest.place.end.toInt()).position(digest.place.offset.toInt())
        val bytes = MessageDigest.getInstance("SHA-256").apply { update(content) }.digest()
        target.position(digest.offset.toInt())
        for (byte in bytes) target.put("%02x".format(byte).toByteArray())
    }
}
