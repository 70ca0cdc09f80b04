package io.frz

import io.frz.internal.container.DirectoryField.GROUPS
import io.frz.internal.container.Field
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.SHAPES
import io.frz.internal.container.GroupField.SIZES
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.Deflater
import org.msgpack.core.MessageBufferPacker
import org.msgpack.core.MessagePack

/** Builds files for tests: valid files, and files into which tests insert faults. */
class FrzBuilder {
    /** The fields of the directory. Values are maps, lists, strings, numbers, booleans, byte arrays or null. */
    val directory = sortedMapOf<Any, Any?>(BY_KEY)
    private val groups = ArrayList<Map<Any, Any?>>()
    private val segments = ArrayList<List<ByteArray?>>()
    var deflated = false

    /** Adds a group with the fields of [group] and a segment for each tier; null means that a tier has no segment. */
    fun group(group: Map<out Any, Any?>, vararg segments: ByteArray?): FrzBuilder = apply {
        groups.add(mapOf<Any, Any?>(SIZES to segments.map { it?.size ?: 0 }) + group)
        this.segments.add(segments.toList())
    }

    /** Adds a group of one tensor whose DCT spectrum keeps [coefficients], stored as f32 without compression. */
    fun spectrum(name: String, shape: List<Int>, coefficients: FloatArray, vararg extra: Pair<Any, Any?>): FrzBuilder =
        group(
            tensor(name, DType.F32, shape) + mapOf(BASES to DCT, KEPT to listOf(listOf(coefficients.size))) + extra,
            if (coefficients.isEmpty()) null else floats(*coefficients)
        )

    /** Adds a group of one tensor with the elements [bytes], stored without compression. */
    fun plain(
        name: String,
        dtype: DType,
        shape: List<Int>,
        bytes: ByteArray,
        vararg extra: Pair<Any, Any?>
    ): FrzBuilder = group(tensor(name, dtype, shape) + extra, bytes.takeIf { it.isNotEmpty() })

    fun with(key: Any, value: Any?): FrzBuilder = apply { directory[key] = value }

    /** Returns the directory as bytes. */
    fun directoryBytes(): ByteArray {
        directory.putIfAbsent(GROUPS, groups.map { it.toSortedMap(BY_KEY) })
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
        /** Orders the keys of a map, which are fields or numbers. */
        private val BY_KEY = compareBy<Any> { if (it is Field) it.ordinal.toLong() else (it as Number).toLong() }

        /** The list of bases for groups whose axes all use `dct`. */
        val DCT = listOf(BasisKind.DCT.id)

        /** Returns the fields common to all groups of one tensor, except for the sizes. */
        fun tensor(name: String, dtype: DType, shape: List<Int>): Map<Any, Any?> =
            mapOf(DTYPE to dtype.id, NAMES to listOf(0, name), SHAPES to listOf(shape), CODER to Coder.NONE.id)

        fun pack(value: Any?): ByteArray = MessagePack.newDefaultBufferPacker().also { pack(it, value) }.toByteArray()

        private fun pack(packer: MessageBufferPacker, value: Any?) {
            when (value) {
                null -> packer.packNil()

                is Field -> packer.packInt(value.ordinal)

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

        /** Returns [bytes] followed by their CRC-32. */
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

/** MessagePack bytes, valid or invalid, that are written unchanged. */
class Verbatim(vararg bytes: Int) {
    val bytes = ByteArray(bytes.size) { bytes[it].toByte() }
}

/** Runs [work], which must throw a [FrzException] with [code], and returns the exception. */
fun refused(code: ErrorCode, work: () -> Unit): FrzException {
    val thrown = org.junit.jupiter.api.Assertions.assertThrows(FrzException::class.java) { work() }
    org.junit.jupiter.api.Assertions.assertEquals(code, thrown.code, thrown.message)
    return thrown
}

/** Returns the elements of an f32 tensor. */
fun FrzTensor.floats(): FloatArray {
    val view = buffer.asFloatBuffer()
    return FloatArray(view.remaining()) { view.get(it) }
}
