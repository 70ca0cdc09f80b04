package io.frz.host

import io.frz.DType
import io.frz.cli.shell.replacing
import java.io.File
import java.io.IOException
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import java.nio.file.StandardOpenOption
import java.util.zip.CRC32

/** A float32 tensor in row-major order, such as an output of a model. */
internal class NdArray(val shape: LongArray, val values: FloatArray) {
    /** Returns the elements in little-endian order. */
    fun bytes(): ByteBuffer = ByteBuffer.allocate(Float.SIZE_BYTES * values.size).order(ByteOrder.LITTLE_ENDIAN).also {
        it.asFloatBuffer().put(values)
    }

    /** Returns the CRC-32 of the elements as hexadecimal digits. */
    fun crc32(): String = checksum(bytes())

    /** Writes the tensor to [file] in NumPy's format. If this fails, [file] remains unchanged. */
    fun write(file: File) {
        val axes = if (shape.size == 1) "${shape[0]}," else shape.joinToString()
        val header = "{'descr': '<f4', 'fortran_order': False, 'shape': ($axes), }"
        val start = MAGIC.size + 4
        val padded = (start + header.length + ALIGNMENT) / ALIGNMENT * ALIGNMENT
        val text = header.padEnd(padded - start - 1) + "\n"
        val head = ByteBuffer.allocate(padded).order(ByteOrder.LITTLE_ENDIAN)
        head.put(MAGIC).put(1).put(0).putShort(text.length.toShort()).put(text.toByteArray()).flip()
        replacing(file) { partial ->
            FileChannel.open(partial.toPath(), StandardOpenOption.WRITE).use { channel ->
                for (part in listOf(head, bytes())) while (part.hasRemaining()) channel.write(part)
            }
        }
    }

    companion object {
        private val MAGIC = byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray()
        private const val ALIGNMENT = 64
        private val HEADER = Regex(
            """\{'descr': '([<|]\w\d)', 'fortran_order': False, 'shape': \(((?:\d{1,10}(?:, )?)*),?\), ?}\s*"""
        )

        /** NumPy's names of the element types that models take. */
        private val TYPES = mapOf(
            "<f4" to DType.F32,
            "<f8" to DType.F64,
            "<i4" to DType.I32,
            "<i8" to DType.I64,
            "|i1" to DType.I8,
            "|u1" to DType.U8,
            "|b1" to DType.BOOL
        )

        /** Reads a NumPy file of little-endian float32 elements in C order. */
        fun read(file: File): NdArray {
            val found = readInput(file)
            if (found.dtype != DType.F32) throw IOException("it contains ${found.dtype.label}, not f32")
            val values = found.buffer().asFloatBuffer()
            return NdArray(found.shape, FloatArray(values.remaining()).also(values::get))
        }

        /** Reads a NumPy file of little-endian elements in C order, which have one of the types that models take. */
        fun readInput(file: File): Input = RandomAccessFile(file, "r").use { opened ->
            val size = opened.length()
            val start = ByteArray(minOf(size, 12L).toInt()).also { opened.readFully(it) }
            val isNumPy = start.size == 12 && start.copyOf(MAGIC.size).contentEquals(MAGIC)
            if (!isNumPy) throw IOException("it is not a NumPy file")
            val numbers = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN)
            val (length, at) = when (start[MAGIC.size].toInt()) {
                1 -> (numbers.getShort(8).toInt() and 0xFFFF) to 10L
                2 -> numbers.getInt(8) to 12L
                else -> throw IOException("version ${start[MAGIC.size]} of NumPy's format is not supported")
            }
            if (length < 0 || at + length > size) throw IOException("it ends within its header")
            opened.seek(at)
            val header = String(ByteArray(length).also { opened.readFully(it) }, Charsets.ISO_8859_1)
            val (type, axes) = HEADER.matchEntire(header)?.destructured
                ?: throw IOException("it is not an array of numbers in C order: ${header.trim()}")
            val dtype = TYPES[type] ?: throw IOException("no model takes elements of type $type")
            val shape = axes.split(", ").filter { it.isNotEmpty() }.map { it.toLong() }.toLongArray()
            val bytes = size - at - length
            requireSize(shape, dtype, bytes)
            val content = ByteArray(bytes.toInt()).also { opened.readFully(it) }
            // All processors on which this program runs are little-endian.
            Input(shape, dtype, Input.buffer(content.size).also { it.put(content).rewind() })
        }

        private fun requireSize(shape: LongArray, dtype: DType, bytes: Long) {
            val expected = shape.fold(dtype.bytes.toBigInteger()) { all, axis -> all * axis.toBigInteger() }
            if (expected != bytes.toBigInteger() || bytes > Int.MAX_VALUE) {
                throw IOException("it contains $bytes bytes of elements, not $expected")
            }
        }

        /** Returns the CRC-32 of [bytes] as hexadecimal digits. */
        fun checksum(bytes: ByteBuffer): String = "%08x".format(CRC32().apply { update(bytes) }.value)
    }
}
