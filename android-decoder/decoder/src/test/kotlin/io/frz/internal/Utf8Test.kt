package io.frz.internal

import io.frz.internal.container.isUtf8
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

class Utf8Test {
    private fun decodes(bytes: ByteArray): Boolean = try {
        Charsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes))
        true
    } catch (_: CharacterCodingException) {
        false
    }

    private fun check(bytes: ByteArray) = assertEquals(decodes(bytes), isUtf8(bytes), bytes.joinToString())

    @Test
    fun `the check agrees with the platform's decoder`() {
        for (first in 0..255) {
            for (second in 0..255) {
                check(byteArrayOf(first.toByte(), second.toByte()))
                for (rest in listOf(
                    "\u0080",
                    "\u00BF",
                    "\u0080\u0080",
                    "\u00BF\u00BF",
                    "a\u0080",
                    "\u0080a",
                    "\u00C0\u0080"
                )) {
                    check(byteArrayOf(first.toByte(), second.toByte()) + rest.toByteArray(Charsets.ISO_8859_1))
                }
            }
        }
        val random = Random(5)
        val leads = byteArrayOf(0x41, -0x80, -0x3E, -0x21, -0x20, -0x13, -0x11, -0x10, -0xC, -0xB, -1)
        repeat(100_000) { check(ByteArray(random.nextInt(9)) { leads[random.nextInt(leads.size)] }) }
    }

    @Test
    fun `part of an array is checked separately`() {
        val bytes = "aß€".toByteArray()
        assertEquals(true, isUtf8(bytes, 1, 3))
        assertEquals(false, isUtf8(bytes, 2, 3))
        assertEquals(false, isUtf8(bytes, 1, 2))
        assertEquals(true, isUtf8(bytes, 2, 2))
    }
}
