package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Allowance
import io.frz.internal.Limits
import io.frz.internal.storage.Segment
import io.frz.internal.storage.Source
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.CRC32
import java.util.zip.DataFormatException
import java.util.zip.Inflater

/**
 * The fixed-size start of a file, before its directory.
 *
 * @property deflated whether the directory is compressed
 * @property stored the size of the directory in the file
 * @property length the size of the directory when inflated
 */
internal class Header private constructor(val deflated: Boolean, val stored: Int, val length: Int) {
    /** The offset of the first segment. */
    val end: Long get() = SIZE + stored + Segment.CHECKSUM_SIZE.toLong()

    /** Reads the directory's MessagePack and verifies its checksum. */
    fun directory(source: Source, allowance: Allowance): ByteArray {
        if (source.size(end) < end) {
            throw FrzException(
                ErrorCode.TRUNCATED,
                "the file ends within its directory; get it again",
                offset = source.size(end)
            )
        }
        allowance.take(end)
        val bytes = ByteArray(end.toInt())
        val checksum = CRC32()
        for (at in bytes.indices step Segment.CHUNK) {
            allowance.check()
            val count = minOf(Segment.CHUNK, bytes.size - at)
            source.read(at.toLong(), ByteBuffer.wrap(bytes, at, count))
            checksum.update(bytes, at, minOf(count, maxOf(0, SIZE + stored - at)))
        }
        if (checksum.value != uint(ByteBuffer.wrap(bytes), SIZE + stored)) {
            throw FrzException(
                ErrorCode.CHECKSUM,
                "the directory does not match its checksum: the file is damaged; get it again",
                offset = SIZE.toLong()
            )
        }
        if (deflated && length > (stored + 1L) * MOST_INFLATION) throw malformed(null)
        allowance.take(length.toLong())
        return if (deflated) inflate(bytes, allowance) else bytes.copyOfRange(SIZE, SIZE + stored)
    }

    private fun inflate(file: ByteArray, allowance: Allowance): ByteArray {
        val inflater = Inflater(true)
        try {
            val bytes = ByteArray(length)
            inflater.setDictionary(PresetDictionary.bytes)
            inflater.setInput(file, SIZE, stored)
            var count = 0
            while (count < length) {
                allowance.check()
                val more = inflater.inflate(bytes, count, minOf(Segment.CHUNK, length - count))
                if (more == 0) throw malformed(null)
                count += more
            }
            if (inflater.inflate(ByteArray(1)) > 0) throw malformed(null)
            if (!inflater.finished() || inflater.remaining > 0) throw malformed(null)
            return bytes
        } catch (e: DataFormatException) {
            throw malformed(e)
        } finally {
            inflater.end()
        }
    }

    private fun malformed(cause: Exception?) = FrzException(
        ErrorCode.STREAM,
        "the directory is not one DEFLATE stream of $length bytes",
        offset = SIZE.toLong(),
        cause = cause
    )

    companion object {
        const val SIZE = 14
        private const val VERSION = 1
        private const val MOST_INFLATION = 1032
        private val MAGIC = byteArrayOf(0x89.toByte(), 'F'.code.toByte(), 'R'.code.toByte(), 'Z'.code.toByte())

        fun read(source: Source): Header {
            val size = minOf(source.size(SIZE.toLong()), SIZE.toLong()).toInt()
            val bytes = ByteBuffer.allocate(size).also { source.read(0, it) }
            if ((0 until minOf(size, MAGIC.size)).any { bytes[it] != MAGIC[it] }) {
                throw FrzException(ErrorCode.MAGIC, "this is not an .frz file", offset = 0)
            }
            if (size > MAGIC.size && bytes[4].toInt() != VERSION) {
                val version = bytes[4].toInt() and 0xFF
                throw FrzException(
                    ErrorCode.VERSION,
                    "the file has format version $version, but this decoder reads $VERSION; use a newer one",
                    offset = 4
                )
            }
            if (size < SIZE) {
                throw FrzException(
                    ErrorCode.TRUNCATED,
                    "the file ends within its header; get it again",
                    offset = size.toLong()
                )
            }
            return fields(bytes)
        }

        private fun fields(bytes: ByteBuffer): Header {
            val flags = bytes[5].toInt() and 0xFF
            if (flags > 1) throw FrzException(ErrorCode.HEADER, "reserved flags are set: $flags", offset = 5)
            val stored = directorySize(bytes, 6)
            val length = directorySize(bytes, 10)
            if (flags == 0 && stored != length) {
                throw FrzException(
                    ErrorCode.HEADER,
                    "a directory that is not deflated has two lengths, $stored and $length",
                    offset = 10
                )
            }
            return Header(flags == 1, stored.toInt(), length.toInt())
        }

        private fun directorySize(bytes: ByteBuffer, at: Int): Long {
            val size = uint(bytes, at)
            if (size > Limits.DIRECTORY_BYTES) {
                throw FrzException(
                    ErrorCode.LIMIT,
                    "a directory of $size bytes exceeds the limit of ${Limits.DIRECTORY_BYTES}",
                    offset = at.toLong()
                )
            }
            return size
        }

        private fun uint(bytes: ByteBuffer, at: Int): Long =
            bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).getInt(at).toLong() and 0xFFFFFFFFL
    }
}
