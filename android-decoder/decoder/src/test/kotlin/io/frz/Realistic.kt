package io.frz

import io.frz.internal.bases.Philox
import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import org.msgpack.core.MessagePack

/** Generates the vector `three-million-weights` as spec/vectors/README.md describes, because it is not stored. */
object Realistic {
    fun file(): ByteArray {
        val directory = directory()
        val out = ByteArrayOutputStream()
        val head = ByteBuffer.allocate(14 + directory.size).order(ByteOrder.LITTLE_ENDIAN)
        head.put(byteArrayOf(0x89.toByte(), 0x46, 0x52, 0x5A, 1, 0)).putInt(directory.size).putInt(directory.size)
        out.write(checked(head.put(directory).array()))
        val floats = little(4 * (1 shl 20)) { buffer ->
            Philox(1).words(0, 1 shl 20) { _, word -> buffer.putFloat((2 * (word ushr 9) + 1 - (1 shl 23)) / 8388608f) }
        }
        out.write(checked(floats))
        val halves = little(2 * 512 * 256 * 9) { buffer ->
            Philox(2).words(0, 512 * 256 * 9) { _, word ->
                buffer.putShort(io.frz.internal.Float16.F16.round(((word and 2047) - 1024) / 1024.0))
            }
        }
        out.write(checked(halves))
        out.write(checked(little(4) { it.putFloat(0.03125f) }))
        return out.toByteArray()
    }

    private fun directory(): ByteArray = MessagePack.newDefaultBufferPacker().use { packer ->
        fun list(vararg numbers: Int) {
            packer.packArrayHeader(numbers.size)
            numbers.forEach { packer.packInt(it) }
        }
        fun nested(depth: Int, vararg numbers: Int) {
            repeat(depth - 1) { packer.packArrayHeader(1) }
            list(*numbers)
        }
        fun names(name: String) {
            packer.packInt(1)
            packer.packArrayHeader(2).packInt(0).packString(name)
        }
        packer.packMapHeader(1).packInt(2).packArrayHeader(3)
        packer.packMapHeader(5).packInt(0).packInt(11)
        names("embedding.weight")
        packer.packInt(2).let { nested(2, 1024, 1024) }
        packer.packInt(13).packInt(0).packInt(14).let { list(4194304) }
        packer.packMapHeader(7).packInt(0).packInt(11)
        names("conv.weight")
        packer.packInt(2).let { nested(2, 512, 256, 3, 3) }
        packer.packInt(4).let { list(0, 0, 1) }
        packer.packInt(10).packInt(9).packInt(13).packInt(0).packInt(14).let { list(2359296) }
        packer.packMapHeader(9).packInt(0).packInt(11)
        names("hidden.weight")
        packer.packInt(2).let { nested(2, 2048, 512) }
        packer.packInt(3).let { nested(2, 1048576) }
        packer.packInt(4).let { list(3) }
        packer.packInt(6).let { nested(2, 3) }
        packer.packInt(8).let { nested(3, 1) }
        packer.packInt(13).packInt(0).packInt(14).let { list(4) }
        packer.toByteArray()
    }

    private fun little(size: Int, fill: (ByteBuffer) -> Unit): ByteArray =
        ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN).also(fill).array()

    private fun checked(bytes: ByteArray): ByteArray {
        val checksum = CRC32().apply { update(bytes) }.value.toInt()
        return bytes + little(4) { it.putInt(checksum) }
    }
}
