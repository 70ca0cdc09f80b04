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

    /**
     * Reads the bytes of [what], the next name, after its first [prefix]. Its entry starts at the position [at]. A name
     * that is too long is not read.
     */
    fun read(what: String, prefix: Int, reader: MessageReader, at: Int): ByteArray =
        reader.stringBytes(what) { checkLength(prefix + it.toLong(), reader, at) }

    /**
     * Adds the next name: the first [prefix] bytes of the previous one, followed by [rest]. Its entry starts at the
     * position [at] of [reader].
     */
    fun add(prefix: Int, rest: ByteArray, reader: MessageReader, at: Int) {
        bytes.add(prefix, rest)
        bytes.problem()?.let { throw fault(reader, at, "name ${size - 1} $it") }
        if (!table.add(size - 1)) throw fault(reader, at, "the name ${quote(bytes[size - 1])} is used twice")
    }

    /** Reads the [count] front-coded names of a group from [reader]. */
    fun addAll(count: Int, reader: MessageReader): NameRange {
        val first = size
        var last = 0
        repeat(count) {
            val at = reader.position
            val prefix = reader.uint("a prefix length")
            if (prefix > last) {
                throw fault(reader, at, "name $size has a prefix of $prefix bytes, but the previous name has $last")
            }
            val rest = read("a name", prefix.toInt(), reader, at)
            add(prefix.toInt(), rest, reader, at)
            last = prefix.toInt() + rest.size
        }
        return NameRange(::get, first, count)
    }

    private fun checkLength(length: Long, reader: MessageReader, at: Int) {
        if (length == 0L) throw fault(reader, at, "name $size is empty")
        if (length > Limits.NAME_BYTES) {
            throw fault(reader, at, "name $size has $length bytes, and a name has at most ${Limits.NAME_BYTES}")
        }
        if (bytes.total + length > Limits.NAMES_BYTES) {
            val problem = "names 0 to $size together are longer than ${Limits.NAMES_BYTES} bytes"
            throw reader.fault(ErrorCode.LIMIT, problem, at = at)
        }
    }

    private fun fault(reader: MessageReader, at: Int, problem: String) = reader.fault(ErrorCode.NAME, problem, at = at)
}
