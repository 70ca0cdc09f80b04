package io.frz

import io.frz.internal.container.DirectoryField
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class HeaderTest {
    private val sound = FrzBuilder().spectrum("w", listOf(4, 4), floatArrayOf(1f, 2f)).build()

    private fun with(offset: Int, vararg bytes: Int) = sound.clone().also {
        bytes.forEachIndexed { i, byte -> it[offset + i] = byte.toByte() }
    }

    @Test
    fun `a file without tensors opens`() {
        val file = FrzFile.open(FrzBuilder().build())
        assertEquals(emptyList<TensorInfo>(), file.tensors)
        assertEquals(1, file.tiersPresent)
        file.verify()
        assertEquals(emptyMap<String, FrzTensor>(), file.loadAll())
    }

    @Test
    fun `errors of short files depend on their first bytes`() {
        for (size in 0 until 14) refused(ErrorCode.TRUNCATED) { FrzFile.open(sound.copyOf(size)) }
        refused(ErrorCode.MAGIC) { FrzFile.open(byteArrayOf(0x89.toByte(), 0x46, 0x52, 0x41)) }
        refused(ErrorCode.MAGIC) { FrzFile.open("PK".toByteArray()) }
        refused(ErrorCode.VERSION) { FrzFile.open(with(4, 2).copyOf(5)) }
    }

    @Test
    fun `header fields are checked in order`() {
        refused(ErrorCode.MAGIC) { FrzFile.open(with(3, 0x5B, 2)) }
        refused(ErrorCode.VERSION) { FrzFile.open(with(4, 0, 2)) }
        refused(ErrorCode.HEADER) { FrzFile.open(with(5, 2)) }
        refused(ErrorCode.HEADER) { FrzFile.open(with(10, sound[6] + 1)) }
        refused(ErrorCode.LIMIT) { FrzFile.open(with(6, 0, 0, 0, 5)) }
        refused(ErrorCode.LIMIT) { FrzFile.open(with(6, 1, 0, 0, 4)) }
        refused(ErrorCode.LIMIT) { FrzFile.open(with(10, 0xFF, 0xFF, 0xFF, 0xFF)) }
        refused(ErrorCode.TRUNCATED) { FrzFile.open(with(6, 0, 0, 0, 4, 0, 0, 0, 4)) }
        refused(ErrorCode.CHECKSUM) { FrzFile.open(with(15, 0x55)) }
    }

    @Test
    fun `a deflated directory is read with the preset dictionary`() {
        val builder = FrzBuilder().spectrum("conv1.weight", listOf(4, 4), floatArrayOf(1f, 2f))
        builder.with(DirectoryField.METADATA, mapOf("license" to "MIT"))
        builder.deflated = true
        val file = FrzFile.open(builder.build())
        assertEquals(listOf("conv1.weight"), file.tensors.map { it.name })
        assertEquals(mapOf("license" to "MIT"), file.metadata)
    }

    @Test
    fun `a deflated directory must be one stream of the declared length`() {
        val directory = FrzBuilder().spectrum("conv1.weight", listOf(4, 4), floatArrayOf(1f)).directoryBytes()
        val deflated = FrzBuilder.deflate(directory)
        fun file(stored: ByteArray, length: Int): ByteArray {
            val head = ByteBuffer.allocate(14 + stored.size).order(ByteOrder.LITTLE_ENDIAN)
            head.put(byteArrayOf(0x89.toByte(), 0x46, 0x52, 0x5A, 1, 1)).putInt(stored.size).putInt(length).put(stored)
            return FrzBuilder.checked(head.array()) + FrzBuilder.checked(FrzBuilder.floats(1f))
        }
        assertEquals(1, FrzFile.open(file(deflated, directory.size)).tensors.size)
        refused(ErrorCode.STREAM) { FrzFile.open(file(deflated, directory.size - 1)) }
        refused(ErrorCode.STREAM) { FrzFile.open(file(deflated, directory.size + 1)) }
        refused(ErrorCode.STREAM) { FrzFile.open(file(deflated + 0, directory.size)) }
        refused(ErrorCode.STREAM) { FrzFile.open(file(deflated.copyOf(deflated.size - 1), directory.size)) }
        refused(ErrorCode.STREAM) { FrzFile.open(file(byteArrayOf(6, 6, 6), directory.size)) }
        refused(ErrorCode.STREAM) { FrzFile.open(file(ByteArray(0), directory.size)) }
        refused(ErrorCode.STREAM) { FrzFile.open(file(deflated, 1 shl 26)) }
    }

    @Test
    fun `bytes after the last segment are refused`() {
        refused(ErrorCode.TRAILING) { FrzFile.open(sound + 0) }
        val cut = refused(ErrorCode.TRUNCATED) { FrzFile.open(sound.copyOf(sound.size - 1)) }
        assertEquals(sound.size - 1L, cut.offset)
    }
}
