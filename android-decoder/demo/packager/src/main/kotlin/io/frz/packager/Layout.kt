package io.frz.packager

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** The positions of the entries of a zip file, which the JDK's classes do not expose. */
internal class Layout(file: File) {
    /**
     * One entry of the file.
     *
     * @property offset the offset of its data, in bytes from the start of the file
     * @property span the number of bytes that the entry takes: headers, padding, data and its record in the central
     *   directory
     */
    class Entry(val name: String, val stored: Boolean, val offset: Int, val span: Int)

    private val buffer = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.LITTLE_ENDIAN)

    val entries: List<Entry> = directory()

    private fun directory(): List<Entry> {
        val end = (buffer.limit() - END_SIZE downTo 0).firstOrNull { buffer.getInt(it) == END }
            ?: throw PackagingException("the APK is not a zip file")
        var at = buffer.getInt(end + 16)
        return List(buffer.getShort(end + 10).toInt()) { entry(at).also { at += directorySize(at) } }
    }

    private fun entry(at: Int): Entry {
        val name = String(buffer.array(), at + 46, short(at + 28), Charsets.UTF_8)
        val local = buffer.getInt(at + 42)
        val offset = local + 30 + short(local + 26) + short(local + 28)
        val span = offset - local + buffer.getInt(at + 20) + directorySize(at)
        return Entry(name, short(at + 10) == 0, offset, span)
    }

    private fun directorySize(at: Int) = 46 + short(at + 28) + short(at + 30) + short(at + 32)

    private fun short(at: Int) = buffer.getShort(at).toInt() and 0xFFFF

    private companion object {
        const val END = 0x06054b50
        const val END_SIZE = 22
    }
}
