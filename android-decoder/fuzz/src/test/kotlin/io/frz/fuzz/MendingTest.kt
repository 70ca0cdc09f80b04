package io.frz.fuzz

import io.frz.FrzException
import io.frz.FrzFile
import java.io.File
import java.util.Random
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class MendingTest {
    private val vectors = File("../../spec/vectors/valid").listFiles()!!.sorted().map { it.readBytes() }

    @Test
    fun `intact files remain unchanged`() {
        val same = vectors.count { it.contentEquals(mended(it)) }
        assertTrue(same > vectors.size / 2) { "$same of ${vectors.size}" }
    }

    @Test
    fun `damaged files get past the checksums`() {
        val random = Random(1)
        var refused = 0
        for (vector in vectors.filter { it.size < 1000 && it[5] == 0.toByte() }) {
            val damaged = vector + ByteArray(3 + 3 * random.nextInt(3)).also { random.nextBytes(it) }
            damaged[14 + random.nextInt(damaged.size - 14)] = random.nextInt().toByte()
            DecoderFuzzer.fuzzerTestOneInput(damaged)
            try {
                FrzFile.open(mended(damaged)).close()
            } catch (e: FrzException) {
                if (e.code.name == "CHECKSUM") refused++
            }
        }
        assertTrue(refused == 0) { "$refused" }
    }
}
