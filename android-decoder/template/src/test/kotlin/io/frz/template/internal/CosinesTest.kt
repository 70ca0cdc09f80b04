package io.frz.template.internal

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Checks that long bases have the same bits as in Python; see `tests/runtimes/template/test_factored.py`. */
class CosinesTest {
    @Test
    fun `long bases have the same bits in all implementations`() {
        for ((shape, checksum) in mapOf((1024 to 33) to 0x85d62db5L, (997 to 50) to 0x1cc19dcfL)) {
            val (n, r) = shape
            val bytes = ByteBuffer.allocate(n * r * Double.SIZE_BYTES).order(ByteOrder.LITTLE_ENDIAN)
            Cosines.basis(n, r) {}.forEach(bytes::putDouble)
            assertEquals(checksum, CRC32().apply { update(bytes.array()) }.value, "$n × $r")
        }
    }
}
