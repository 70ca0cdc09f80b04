package io.frz

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.Deflater
import org.msgpack.core.MessageBufferPacker
import org.msgpack.core.MessagePack

/** Builds files for tests: valid ones, and faulty ones with faults inserted by hand. */
class FrzBuilder {
    /** The fields of the directory; values are maps, lists, strings, numbers, booleans, byte arrays or null. */
    val directory = sortedMapOf<Any, Any?>(compareBy { (it as Number).toLong() })
    private val groups = ArrayList<Map<Int, Any?>>()
    private val segments = ArrayList<List<ByteArray?>>()
    var deflated = false

    /** Adds a group with the fields of [group] and a segment for each tier; null stands for no segment. */
    fun group(group: Map<Int, Any?>, vararg segments: ByteArray?): FrzBuilder = apply {
        groups.add(mapOf(SIZES to segments.map { it?.size ?: 0 }) + group)
        this.segments.add(segments.toList())
    }

    /** Adds a group of one tensor that keeps [coefficients] of its DCT, as uncoded f32. */
    fun spectrum(name: String, shape: List<Int>, coefficients: FloatArray, vararg extra: Pair<Int, Any?>): FrzBuilder =
        group(
            tensor(name, DType.F32, shape) + mapOf(BASES to DCT, KEPT to listOf(listOf(coefficients.size))) + extra,
            if (coefficients.isEmpty()) null else floats(*coefficients)
        )

    /** Adds a group of one tensor whose elements are [bytes], uncoded. */
    fun plain(
        name: String,
        dtype: DType,
        shape: List<Int>,
        bytes: ByteArray,
        vararg extra: Pair<Int, Any?>
    ): FrzBuilder = group(tensor(name, dtype, shape) + extra, bytes.takeIf { it.isNotEmpty() })

    fun with(key: Int, value: Any?): FrzBuilder = apply { directory[key] = value }

    /** The directory's bytes. */
    fun directoryBytes(): ByteArray {
        directory.putIfAbsent(GROUPS, groups.map { it.toSortedMap() })
        return pack(directory)
    }

    @JvmOverloads
    fun build(directory: ByteArray = directoryBytes()): ByteArray {
        val stored = if (deflated) deflate(directory) else directory
        val head = ByteBuffer.allocate(14 + stored.size).order(ByteOrder.LITTLE_ENDIAN)
        head.put(byteArrayOf(0x89.toByte(), 0x46, 0x52, 0x5A, 1, if (deflated) 1 else 0))
        head.putInt(stored.size).putInt(directory.size).put(stored)
        val out = ByteArrayOutputStream()
        out.write(checked(head.array()))
        val tiers = segments.maxOfOrNull { it.size } ?: 0
        for (tier in 0 until tiers) segments.forEach { group -> group.getOrNull(tier)?.let { out.write(checked(it)) } }
        return out.toByteArray()
    }

    companion object {
        // Keys of the directory …
        const val FEATURES = 0
        const val TIERS = 1
        const val GROUPS = 2
        const val ALIASES = 3
        const val METADATA = 4

        // … and of its groups.
        const val DTYPE = 0
        const val NAMES = 1
        const val SHAPES = 2
        const val VIEWS = 3
        const val BASES = 4
        const val FACTORS = 5
        const val SEEDS = 6
        const val KEPT = 7
        const val CORNERS = 8
        const val PER_TIER = 9
        const val FORMAT = 10
        const val STEPS = 11
        const val OFFSETS = 12
        const val CODER = 13
        const val SIZES = 14

        /** Bases that are `dct` on every axis. */
        val DCT = listOf(BasisKind.DCT.id)

        /** Returns the fields that a group of one tensor always has, except for the sizes. */
        fun tensor(name: String, dtype: DType, shape: List<Int>): Map<Int, Any?> =
            mapOf(DTYPE to dtype.id, NAMES to listOf(0, name), SHAPES to listOf(shape), CODER to Coder.NONE.id)

        fun pack(value: Any?): ByteArray = MessagePack.newDefaultBufferPacker().also { pack(it, value) }.toByteArray()

        private fun pack(packer: MessageBufferPacker, value: Any?) {
            when (value) {
                null -> packer.packNil()

                is Boolean -> packer.packBoolean(value)

                is Int -> packer.packInt(value)

                is Long -> packer.packLong(value)

                is java.math.BigInteger -> packer.packBigInteger(value)

                is Double -> packer.packDouble(value)

                is String -> packer.packString(value)

                is ByteArray -> packer.packBinaryHeader(value.size).writePayload(value)

                is Verbatim -> packer.writePayload(value.bytes)

                is List<*> -> {
                    packer.packArrayHeader(value.size)
                    value.forEach { pack(packer, it) }
                }

                is Map<*, *> -> {
                    packer.packMapHeader(value.size)
                    value.forEach { (key, entry) ->
                        pack(packer, key)
                        pack(packer, entry)
                    }
                }

                else -> error("cannot pack $value")
            }
        }

        /** Returns bytes followed by their CRC-32. */
        fun checked(bytes: ByteArray): ByteArray {
            val checksum = CRC32().apply { update(bytes) }.value.toInt()
            return bytes + ints(checksum)
        }

        fun deflate(bytes: ByteArray): ByteArray {
            val deflater = Deflater(9, true)
            deflater.setInput(bytes)
            deflater.finish()
            val out = ByteArrayOutputStream()
            val chunk = ByteArray(1 shl 12)
            while (!deflater.finished()) out.write(chunk, 0, deflater.deflate(chunk))
            deflater.end()
            return out.toByteArray()
        }

        fun floats(vararg values: Float): ByteArray = little(4 * values.size) { values.forEach { putFloat(it) } }

        fun shorts(vararg values: Int): ByteArray =
            little(2 * values.size) { values.forEach { putShort(it.toShort()) } }

        fun ints(vararg values: Int): ByteArray = little(4 * values.size) { values.forEach { putInt(it) } }

        private fun little(size: Int, fill: ByteBuffer.() -> Unit): ByteArray =
            ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).apply(fill).array()
    }
}

/** Bytes that are already MessagePack, whether valid or not. */
class Verbatim(vararg bytes: Int) {
    val bytes = ByteArray(bytes.size) { bytes[it].toByte() }
}

/** Runs [work] and returns the exception of the format that it must throw, with error code [code]. */
fun refused(code: ErrorCode, work: () -> Unit): FrzException {
    val thrown = org.junit.jupiter.api.Assertions.assertThrows(FrzException::class.java) { work() }
    org.junit.jupiter.api.Assertions.assertEquals(code, thrown.code, thrown.message)
    return thrown
}

/** The elements of an f32 tensor. */
fun FrzTensor.floats(): FloatArray {
    val view = buffer.asFloatBuffer()
    return FloatArray(view.remaining()) { view.get(it) }
}
