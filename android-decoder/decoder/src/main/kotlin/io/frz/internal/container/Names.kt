package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.quote

/** All names of a file: each allowed, and none twice. */
internal class Names {
    private val all = HashMap<String, Boolean>()

    /** Whether [name] is that of a tensor, not of an alias. */
    fun isTensor(name: String): Boolean = all[name] == true

    /** Takes a name that [reader] has found. */
    fun add(bytes: ByteArray, reader: MessageReader, isTensor: Boolean): String {
        val name = allowed(bytes, reader)
        if (all.put(name, isTensor) != null) throw reader.fault(ErrorCode.NAME, "the name ${quote(name)} is used twice")
        if (all.size > Limits.TENSORS) {
            throw reader.fault(ErrorCode.LIMIT, "tensors and aliases are beyond the limit of ${Limits.TENSORS}")
        }
        return name
    }

    /** The front-coded names of a group. */
    fun addAll(reader: MessageReader): List<String> {
        val count = reader.array("names")
        if (count == 0 || count % 2 != 0) {
            throw reader.fault(ErrorCode.DIRECTORY, "names are not a prefix length and a string each")
        }
        val names = ArrayList<String>()
        var last = ByteArray(0)
        repeat(count / 2) {
            val prefix = reader.uint("a prefix length")
            if (prefix > last.size) {
                throw reader.fault(ErrorCode.NAME, "a prefix of $prefix bytes is longer than the name before")
            }
            last = last.copyOf(prefix.toInt()) + reader.stringBytes("a name")
            names.add(add(last, reader, isTensor = true))
        }
        return names
    }

    private fun allowed(bytes: ByteArray, reader: MessageReader): String {
        val name = MessageReader.utf8(bytes)
        val problem = when {
            bytes.isEmpty() -> "a name is empty"
            bytes.size > Limits.NAME_BYTES -> "a name is longer than ${Limits.NAME_BYTES} bytes"
            name == null -> "a name is not UTF-8"
            name.any { it.code < ' '.code || it.code == DELETE } -> "the name ${quote(name)} has control characters"
            else -> return name
        }
        throw reader.fault(ErrorCode.NAME, problem)
    }

    private companion object {
        const val DELETE = 0x7F
    }
}
