package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Allowance
import io.frz.internal.Limits
import io.frz.internal.directory.NameRange
import io.frz.internal.quote

/**
 * All names of a file, checked and unique. They are numbered in file order: first those of tensors, then those of
 * aliases. Only their bytes are stored; strings are created on demand.
 */
internal class Names(private val allowance: Allowance) {
    private val bytes = NameBytes(allowance)
    private val table = NameTable(bytes, allowance)

    /** The number of names. */
    val size: Int get() = bytes.size

    operator fun get(number: Int): String = bytes[number]

    /** Returns the position of [name] in file order, or -1 if there is no such name. */
    fun find(name: String): Int {
        val wanted = name.toByteArray(Charsets.UTF_8)
        if (wanted.size > Limits.NAME_BYTES) return -1
        val number = table.find(wanted)
        // A string that is not well-formed changes when it is converted to UTF-8, so the strings are compared as well.
        return if (number >= 0 && bytes[number] == name) number else -1
    }

    /** Adds a name read by [reader]: the first [prefix] bytes of the previous name, followed by [rest]. */
    fun add(prefix: Int, rest: ByteArray, reader: MessageReader) {
        checkLength(prefix + rest.size.toLong(), reader)
        bytes.add(prefix, rest)
        bytes.problem()?.let { throw reader.fault(ErrorCode.NAME, it) }
        if (!table.add(size - 1)) {
            throw reader.fault(ErrorCode.NAME, "the name ${quote(bytes[size - 1])} is used twice")
        }
    }

    /** Reads the [count] front-coded names of a group from [reader]. */
    fun addAll(count: Int, reader: MessageReader): NameRange {
        val first = size
        var last = 0
        repeat(count) {
            val prefix = reader.uint("a prefix length")
            if (prefix > last) {
                throw reader.fault(ErrorCode.NAME, "a prefix of $prefix bytes is longer than the previous name")
            }
            val rest = reader.stringBytes("a name")
            add(prefix.toInt(), rest, reader)
            last = prefix.toInt() + rest.size
        }
        return NameRange(::get, first, count)
    }

    private fun checkLength(length: Long, reader: MessageReader) {
        if (length == 0L) throw reader.fault(ErrorCode.NAME, "a name is empty")
        if (length > Limits.NAME_BYTES) {
            throw reader.fault(ErrorCode.NAME, "a name is longer than ${Limits.NAME_BYTES} bytes")
        }
        if (bytes.total + length > Limits.NAMES_BYTES) {
            throw reader.fault(ErrorCode.LIMIT, "all names together are longer than ${Limits.NAMES_BYTES} bytes")
        }
    }
}
