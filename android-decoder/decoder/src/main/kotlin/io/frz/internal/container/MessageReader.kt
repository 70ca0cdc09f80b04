package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.internal.Allowance
import io.frz.internal.Limits
import java.math.BigInteger
import org.msgpack.core.MessageFormat
import org.msgpack.core.MessagePack
import org.msgpack.core.MessagePackException
import org.msgpack.core.MessageUnpacker
import org.msgpack.value.ValueType

/**
 * Reads MessagePack values one by one from a position in a directory. Every unexpected value is a `DIRECTORY` error.
 */
internal class MessageReader(
    private val bytes: ByteArray,
    private val allowance: Allowance,
    private val start: Int = 0
) {
    private val unpacker: MessageUnpacker = MessagePack.newDefaultUnpacker(bytes, start, bytes.size - start)

    /** The position of the next value. */
    val position: Int get() = start + unpacker.totalReadBytes.toInt()

    /** Returns a separate reader for the value at [position]. */
    fun at(position: Int): MessageReader = MessageReader(bytes, allowance, position)

    /** Returns an error with [code] at the position [at], by default that of the next value. */
    fun fault(code: ErrorCode, problem: String, cause: Throwable? = null, at: Int = position): FrzException =
        FrzException(code, "$problem, at byte $at of the directory", cause = cause)

    fun isNil(): Boolean = expecting("a value") { it.nextFormat == MessageFormat.NIL }

    fun skip(): Unit = expecting("a value") { it.skipValue() }

    /** Reads an integer ≥ 0; one too large for a Long becomes [Long.MAX_VALUE], which exceeds every limit. */
    fun uint(what: String): Long {
        val value = int(what)
        if (value < 0) throw fault(ErrorCode.DIRECTORY, "$what is negative")
        return value
    }

    /** Reads an integer ≥ 0 that is at most [limit]. */
    fun uint(what: String, limit: Long): Long {
        val value = uint(what)
        if (value > limit) throw fault(ErrorCode.LIMIT, "$what exceeds the limit of $limit")
        return value
    }

    /** Reads an integer; one too large for a Long becomes [Long.MAX_VALUE]. */
    fun int(what: String): Long = expecting(what) {
        if (it.nextFormat.valueType != ValueType.INTEGER) throw fault(ErrorCode.DIRECTORY, "$what is not an integer")
        if (it.nextFormat == MessageFormat.UINT64) it.unpackBigInteger().min(LARGEST).toLong() else it.unpackLong()
    }

    /** Reads an unsigned 64-bit integer and returns its bits as a Long. */
    fun uint64(what: String): Long = expecting(what) {
        if (it.nextFormat == MessageFormat.UINT64) it.unpackBigInteger().toLong() else uint(what)
    }

    /** Reads the start of an array and returns its length. */
    fun array(what: String): Int = expecting(what) {
        if (it.nextFormat.valueType != ValueType.ARRAY) throw fault(ErrorCode.DIRECTORY, "$what is not an array")
        it.unpackArrayHeader().also { count -> requireRoom(count.toLong(), what) }
    }

    /** Reads the start of an array of exactly [length] values. */
    fun array(what: String, length: Int) {
        val count = array(what)
        if (count != length) throw fault(ErrorCode.DIRECTORY, "$what has $count entries, not $length")
    }

    /** Reads the start of a map and returns the number of its entries. */
    fun map(what: String): Int = expecting(what) {
        if (it.nextFormat.valueType != ValueType.MAP) throw fault(ErrorCode.DIRECTORY, "$what is not a map")
        it.unpackMapHeader().also { count -> requireRoom(2L * count, what) }
    }

    /** Reads a string and returns its bytes, which are valid UTF-8. [check] can refuse their number in advance. */
    inline fun stringBytes(what: String, check: (Int) -> Unit = {}): ByteArray = expecting(what) {
        if (it.nextFormat.valueType != ValueType.STRING) throw fault(ErrorCode.DIRECTORY, "$what is not a string")
        val length = it.unpackRawStringHeader()
        requireRoom(length.toLong(), what)
        check(length)
        val string = it.readPayload(length)
        if (!isUtf8(string)) throw fault(ErrorCode.DIRECTORY, "$what is not UTF-8")
        string
    }

    /** Reads binary data of exactly [size] bytes. */
    fun binary(what: String, size: Int): ByteArray = expecting(what) {
        if (it.nextFormat.valueType != ValueType.BINARY) throw fault(ErrorCode.DIRECTORY, "$what is not binary data")
        val length = it.unpackBinaryHeader()
        if (length != size) throw fault(ErrorCode.DIRECTORY, "$what has $length bytes, not $size")
        it.readPayload(length)
    }

    fun string(what: String): String = String(stringBytes(what), Charsets.UTF_8)

    /** Skips one value and checks that it and everything inside it are well-formed. */
    fun check(depth: Int = 0) {
        val type = expecting("a value") { it.nextFormat.valueType }
        val isContainer = type == ValueType.ARRAY || type == ValueType.MAP
        if (isContainer && depth == Limits.NESTING) {
            throw fault(ErrorCode.DIRECTORY, "arrays and maps are nested more than ${Limits.NESTING} levels deep")
        }
        when (type) {
            ValueType.ARRAY -> repeat(array("an array")) { check(depth + 1) }
            ValueType.MAP -> repeat(map("a map")) { repeat(2) { check(depth + 1) } }
            ValueType.STRING -> stringBytes("a string")
            ValueType.BINARY -> payload { it.unpackBinaryHeader() }
            ValueType.EXTENSION -> payload { it.unpackExtensionTypeHeader().length }
            else -> skip()
        }
    }

    private fun payload(header: (MessageUnpacker) -> Int) = expecting("binary data") {
        val length = header(it)
        requireRoom(length.toLong(), "binary data")
        it.readPayload(length)
    }

    private fun requireRoom(count: Long, what: String) {
        if (count > bytes.size - position) {
            throw fault(ErrorCode.DIRECTORY, "$what claims $count entries or bytes, more than are present")
        }
    }

    private inline fun <T> expecting(what: String, read: (MessageUnpacker) -> T): T = try {
        allowance.step()
        read(unpacker)
    } catch (e: MessagePackException) {
        throw fault(ErrorCode.DIRECTORY, "$what is expected, but not found", e)
    }

    private companion object {
        val LARGEST: BigInteger = BigInteger.valueOf(Long.MAX_VALUE)
    }
}
