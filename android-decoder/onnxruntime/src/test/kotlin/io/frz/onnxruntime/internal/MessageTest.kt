package io.frz.onnxruntime.internal

import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** Tests the wire format of Protocol Buffers. */
class MessageTest {
    private fun message(vararg bytes: Int) = Message(ByteBuffer.wrap(ByteArray(bytes.size) { bytes[it].toByte() }))

    @Test
    fun `fields of every wire type are read or skipped`() {
        val seen = ArrayList<Any>()
        val fixed = intArrayOf(0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4)
        message(*fixed, 0x18, 0xAC, 0x02, 0x22, 2, 0x68, 0x69).each { field, number, part ->
            seen += if (part.isEmpty) field to number else field to part.text()
        }
        assertEquals(listOf<Any>(3 to 300L, 4 to "hi"), seen)
        assertEquals(listOf(1L, 300L), ArrayList<Long>().also(message(1, 0xAC, 0x02)::numbers))
    }

    @Test
    fun `malformed bytes are refused`() {
        val ignore = { _: Int, _: Long, _: Message -> }
        for (bytes in listOf(intArrayOf(0x0B), intArrayOf(0x0A, 5, 1), intArrayOf(0x08), intArrayOf(0x09, 1))) {
            assertThrows(RuntimeException::class.java) { message(*bytes).each(ignore) }
        }
        assertThrows(RuntimeException::class.java) { message(*IntArray(12) { 0xFF }).numbers(ArrayList()) }
    }
}
