package io.frz

import java.io.ByteArrayInputStream
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** No damaged file is decoded, and none is answered with anything but an exception of the format. */
class DamageTest {
    private val random = Random(13)
    private val sound = FrzBuilder()
        .dct("conv.weight", listOf(16, 8, 3, 3), FloatArray(33) { it - 7f })
        .dct("fc.weight", listOf(50, 8), floatArrayOf(1f, 2f), 9 to listOf(listOf(5, 10, 8)))
        .raw("fc.bias", DType.F32, listOf(4), FrzBuilder.deflate(ByteArray(16) { it.toByte() }), 4 to 1)
        .raw("mask", DType.BOOL, listOf(3), byteArrayOf(1, 0, 1))
        .with(1, mapOf("license" to "MIT"))

    private fun decode(bytes: ByteArray) = FrzFile.open(bytes).use { it.loadAll() }

    @Test
    fun `every flipped bit and every cut is refused`() {
        for (deflated in listOf(false, true)) {
            sound.deflated = deflated
            val bytes = sound.build()
            assertEquals(4, decode(bytes).size)
            for (bit in 0 until 8 * bytes.size) {
                bytes[bit / 8] = (bytes[bit / 8].toInt() xor (1 shl bit % 8)).toByte()
                assertThrows(FrzException::class.java) { decode(bytes) }
                bytes[bit / 8] = (bytes[bit / 8].toInt() xor (1 shl bit % 8)).toByte()
            }
            for (size in bytes.indices) {
                assertThrows(FrzException::class.java) { decode(bytes.copyOf(size)) }
                assertThrows(FrzException::class.java) { FrzFile.open(ByteArrayInputStream(bytes, 0, size)).loadAll() }
            }
        }
    }

    /** Damage that an attacker has given new checksums: it may decode, to whatever it says. */
    @Test
    fun `forged files are decoded or refused, and nothing else`() {
        val options = FrzOptions.builder().memoryBudget(1 shl 24).build()
        val directory = sound.directoryBytes()
        var refused = 0
        repeat(20_000) {
            val forged = directory.clone()
            repeat(1 + random.nextInt(3)) { forged[random.nextInt(forged.size)] = random.nextInt().toByte() }
            try {
                FrzFile.open(sound.build(forged), options).use { file ->
                    file.tensors.forEach { tensor -> tensor.toString() }
                    file.loadAll()
                }
            } catch (e: FrzException) {
                check(!e.message!!.contains('\n'))
                refused++
            }
        }
        check(refused > 10_000) { "$refused refused" }
    }

    @Test
    fun `forged segments are decoded or refused, and nothing else`() {
        val formats = NumberFormat.values()
        repeat(20_000) {
            val stored = ByteArray(random.nextInt(40)).also { random.nextBytes(it) }
            val format = formats[random.nextInt(formats.size)]
            val coder = Coder.values()[1 + random.nextInt(4)]
            val steps = if (format.isInteger) mapOf(8 to listOf(random.nextInt(64))) else emptyMap()
            val file = FrzBuilder().group(
                mapOf(
                    0 to 1,
                    1 to 11,
                    2 to listOf(0, "w"),
                    3 to listOf(listOf(6, 7)),
                    4 to coder.id,
                    6 to format.id,
                    7 to listOf(listOf(1 + random.nextInt(42)))
                ) + steps,
                stored
            ).build()
            try {
                decode(file)
            } catch (e: FrzException) {
                check(e.code == ErrorCode.STREAM || e.code == ErrorCode.VALUE) { e.message!! }
            }
        }
    }
}
