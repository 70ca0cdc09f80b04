package io.frz

import java.util.zip.CRC32

/**
 * The checksum at the end of a skeleton, the file that describes a network without its weights. Runtimes do not
 * validate their models, and altered bytes can crash them, so a loader checks the seal first. A sealed file ends with
 * `frz:crc32:` and the CRC-32 of all bytes before the digits, as eight lowercase hexadecimal digits.
 */
public object FrzSeal {
    private const val MARK = "frz:crc32:"
    private const val DIGITS = 8

    /** Returns what is wrong with [skeleton], or null if it is intact. */
    @JvmStatic
    public fun problem(skeleton: ByteArray): String? {
        val end = skeleton.size - DIGITS
        val isMarked = end >= MARK.length && ascii(skeleton, end - MARK.length, MARK.length) == MARK
        if (!isMarked) return "it does not end with a seal, so it is truncated or was made by another program"
        val checksum = CRC32().apply { update(skeleton, 0, end) }.value
        val isWhole = ascii(skeleton, end, DIGITS) == checksum.toString(HEXADECIMAL).padStart(DIGITS, '0')
        return if (isWhole) null else "its bytes do not match their checksum"
    }

    private const val HEXADECIMAL = 16

    private fun ascii(bytes: ByteArray, start: Int, size: Int) = String(bytes, start, size, Charsets.US_ASCII)
}
