package io.frz.host

import io.frz.DType
import java.io.File
import java.io.IOException
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests reading and writing NumPy files. */
class NdArrayTest {
    @TempDir
    lateinit var folder: File

    private val file by lazy { File(folder, "a.npy") }

    @Test
    fun `arrays survive the round trip`() {
        for (shape in listOf(longArrayOf(), longArrayOf(3), longArrayOf(2, 3, 4), longArrayOf(0, 5))) {
            val values = FloatArray(shape.fold(1L, Long::times).toInt()) { it * 0.5f - 1 }
            NdArray(shape, values).write(file)
            assertEquals(0, (file.length() - 4 * values.size) % 64)
            val read = NdArray.read(file)
            assertArrayEquals(shape, read.shape)
            assertArrayEquals(values, read.values)
        }
        assertEquals(listOf(file), folder.listFiles()!!.toList())
    }

    @Test
    fun `a file written by NumPy is read`() {
        val array = NdArray.read(File("../pytorch/src/test/resources/unet.expected.npy"))
        assertArrayEquals(longArrayOf(1, 2, 32, 32), array.shape)
        NdArray(array.shape, array.values).write(file)
        assertArrayEquals(File("../pytorch/src/test/resources/unet.expected.npy").readBytes(), file.readBytes())
    }

    @Test
    fun `inputs of every type that models take are read`() {
        val types = mapOf("<f8" to DType.F64, "<i4" to DType.I32, "<i8" to DType.I64, "|i1" to DType.I8)
        for ((type, dtype) in types + mapOf("|u1" to DType.U8, "|b1" to DType.BOOL)) {
            val text = "{'descr': '$type', 'fortran_order': False, 'shape': (2,), }".padEnd(117) + "\n"
            val start = byteArrayOf(0x93.toByte()) + "NUMPY".toByteArray() + byteArrayOf(1, 0, 118, 0)
            file.writeBytes(start + text.toByteArray() + ByteArray(2 * dtype.bytes) { it.toByte() })
            val input = NdArray.readInput(file)
            assertEquals(dtype, input.dtype)
            assertArrayEquals(longArrayOf(2), input.shape)
            val bytes = ByteArray(2 * dtype.bytes).also { input.buffer().get(it) }
            assertArrayEquals(ByteArray(2 * dtype.bytes) { it.toByte() }, bytes)
            assertThrows(IOException::class.java) { NdArray.read(file) }
        }
    }

    @Test
    fun `malformed files are refused`() {
        NdArray(longArrayOf(2, 2), FloatArray(4)).write(file)
        val whole = file.readBytes()
        val text = String(whole, Charsets.ISO_8859_1)
        fun refuse(bytes: ByteArray) {
            file.writeBytes(bytes)
            assertThrows(IOException::class.java) { NdArray.read(file) }
        }
        for (size in whole.indices) refuse(whole.copyOf(size))
        refuse(whole + 1)
        val types = listOf("<f4" to "<f8", "<f4" to ">f4", "<f4" to "<f2")
        for ((from, to) in types + listOf("False" to "True ", "(2, 2)" to "(2, 3)", "(2, 2)" to "(x, 2)")) {
            refuse(text.replace(from, to).toByteArray(Charsets.ISO_8859_1))
        }
        refuse(whole.clone().also { it[6] = 9 })
        refuse(text.replace("(2, 2), ", "(9999999999, 9999999999), ").toByteArray(Charsets.ISO_8859_1))
    }

    @Test
    fun `checksums match those of ZIP files`() {
        assertEquals("00000000", NdArray(longArrayOf(0), FloatArray(0)).crc32())
        assertEquals("2144df1c", NdArray(longArrayOf(1), floatArrayOf(0f)).crc32())
    }
}
