package io.frz.pytorch.internal

import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind
import java.util.zip.CRC32

/**
 * The checksum of a skeleton. The runtime trusts its input, and altered bytes can crash it, so it receives only
 * skeletons that end as the exporter ends them: with `frz:crc32:` and the CRC-32 of all bytes before its digits.
 */
internal object Skeleton {
    private const val MARK = "frz:crc32:"
    private const val DIGITS = 8

    /** Throws unless [bytes] are what was exported. */
    fun check(bytes: ByteArray) {
        val end = bytes.size - DIGITS
        val marked = end >= MARK.length && ascii(bytes, end - MARK.length, MARK.length) == MARK
        if (!marked) throw damaged("it does not end like one, so it is cut short, or was made by something else")
        val checksum = CRC32().apply { update(bytes, 0, end) }.value
        if (ascii(bytes, end, DIGITS) != checksum.toString(16).padStart(DIGITS, '0')) {
            throw damaged("its bytes do not match their checksum")
        }
    }

    private fun ascii(bytes: ByteArray, start: Int, size: Int) = String(bytes, start, size, Charsets.US_ASCII)

    private fun damaged(problem: String) = FrzModuleException(
        Kind.SKELETON_DAMAGED,
        "this is no whole skeleton: $problem; export it again with `frformat export`, or get it again"
    )
}
