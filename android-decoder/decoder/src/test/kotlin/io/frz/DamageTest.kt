package io.frz

import io.frz.FrzBuilder.Companion.DCT
import io.frz.internal.container.DirectoryField.METADATA
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.CORNERS
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.FACTORS
import io.frz.internal.container.GroupField.FORMAT
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.SEEDS
import io.frz.internal.container.GroupField.SHAPES
import io.frz.internal.container.GroupField.STEPS
import io.frz.internal.container.GroupField.VIEWS
import java.io.ByteArrayInputStream
import java.util.Random
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Test

/** Checks that damaged files are not decoded and cause no exceptions other than [FrzException]. */
class DamageTest {
    private val random = Random(13)
    private val sound = FrzBuilder()
        .spectrum("conv.weight", listOf(16, 8, 3, 3), FloatArray(33) { it - 7f })
        .spectrum("fc.weight", listOf(50, 8), floatArrayOf(1f, 2f), VIEWS to listOf(listOf(5, 10, 8)))
        .plain("fc.bias", DType.F32, listOf(4), FrzBuilder.deflate(ByteArray(16) { it.toByte() }), CODER to 1)
        .plain("mask", DType.BOOL, listOf(3), byteArrayOf(1, 0, 1))
        .group(
            mapOf(DTYPE to 11, SHAPES to listOf(listOf(2, 4)), CODER to 0),
            FrzBuilder.floats(*FloatArray(8) { it + 1f })
        )
        .plain("low.rank", DType.F32, listOf(4, 4), FrzBuilder.floats(*FloatArray(4) { it + 1f }), *LOW_RANK)
        .plain("random", DType.F16, listOf(6), FrzBuilder.shorts(0x3C00), *RANDOM)
        .with(METADATA, mapOf("license" to "MIT"))

    private fun decode(bytes: ByteArray) = FrzFile.open(bytes).use { it.loadAll() }

    @Test
    fun `every flipped bit and every cut is refused`() {
        for (deflated in listOf(false, true)) {
            sound.deflated = deflated
            val bytes = sound.build()
            assertEquals(6, decode(bytes).size)
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

    /** Damages files and recomputes their checksums, as an attacker would. Such a file can decode to any values. */
    @Test
    fun `forged files are either decoded or refused`() {
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
    fun `forged segments are either decoded or refused`() {
        repeat(20_000) {
            val stored = ByteArray(random.nextInt(40)).also { random.nextBytes(it) }
            val coder = Coder.values()[1 + random.nextInt(4)]
            val numbers = if (coder >= Coder.ADAPTIVE && random.nextBoolean()) {
                arrayOf(STEPS to listOf(random.nextInt(64)))
            } else {
                arrayOf(FORMAT to DType.values()[9 + random.nextInt(3)].id)
            }
            val kept = KEPT to listOf(listOf(1 + random.nextInt(42)))
            val fields = mapOf(BASES to DCT, kept, CODER to coder.id, *numbers)
            val file = FrzBuilder().group(FrzBuilder.tensor("w", DType.F32, listOf(6, 7)) + fields, stored).build()
            try {
                decode(file)
            } catch (e: FrzException) {
                check(e.code in setOf(ErrorCode.STREAM, ErrorCode.VALUE, ErrorCode.TRAILING)) { e.message!! }
            }
        }
    }

    private companion object {
        val LOW_RANK = arrayOf<Pair<Any, Any?>>(
            BASES to listOf(2),
            FACTORS to listOf(listOf(0, 0)),
            CORNERS to listOf(listOf(listOf(2, 2)))
        )
        val RANDOM = arrayOf<Pair<Any, Any?>>(
            BASES to listOf(3),
            SEEDS to listOf(listOf(7)),
            CORNERS to listOf(listOf(listOf(1)))
        )
    }
}
