package io.frz.packager

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The header of a 32-bit or 64-bit shared library. */
internal class Elf(private val name: String, bytes: ByteArray) {
    private val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    private val wide: Boolean

    /** The largest page size, in bytes, on which the library can be loaded: the smallest alignment of its segments. */
    val page: Long

    init {
        if (bytes.size < HEADER || buffer.getInt(0) != MAGIC || bytes[DATA] != LITTLE_ENDIAN) refuse()
        wide = when (bytes[CLASS].toInt()) {
            1 -> false
            2 -> true
            else -> refuse()
        }
        page = segments().filter { (type, _) -> type == LOAD }.minOfOrNull { (_, alignment) -> alignment } ?: refuse()
    }

    /** Returns the type and alignment of each segment. */
    private fun segments(): List<Pair<Int, Long>> {
        val table = if (wide) buffer.getLong(32) else buffer.getInt(28).toLong()
        val size = buffer.getShort(if (wide) 54 else 42).toInt()
        val count = buffer.getShort(if (wide) 56 else 44).toInt() and 0xFFFF
        if (size < (if (wide) 56 else 32) || table !in HEADER..buffer.limit().toLong() - size * count) refuse()
        return List(count) { index ->
            val at = table.toInt() + size * index
            buffer.getInt(at) to if (wide) buffer.getLong(at + 48) else buffer.getInt(at + 28).toLong()
        }
    }

    private fun refuse(): Nothing = throw PackagingException("$name is not a shared library for Android")

    private companion object {
        const val MAGIC = 0x464C457F
        const val CLASS = 4
        const val DATA = 5
        const val LITTLE_ENDIAN: Byte = 1
        const val HEADER = 52
        const val LOAD = 1
    }
}
