package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Limits
import io.frz.internal.quote

/** Reads the directory: section 3 of the specification, top to bottom. */
internal class DirectoryParser(private val bytes: ByteArray) {
    private val names = Names()

    fun parse(): Directory {
        val reader = MessageReader(bytes)
        reader.check()
        if (reader.position != bytes.size) throw reader.fault(ErrorCode.DIRECTORY, "bytes follow the directory's map")

        val fields = Fields(MessageReader(bytes), "the directory")
        fields.optional(FEATURES)?.let { refuseFeatures(it) }
        val tiers = fields.optional(TIERS)?.let { tiers(it) } ?: 1
        val groups = groups(fields.required(GROUPS, "groups"), tiers)
        val metadata = fields.optional(METADATA)?.let { metadata(it) }.orEmpty()
        val aliases = fields.optional(ALIASES)?.let { aliases(it) }.orEmpty()
        return Directory(groups, metadata, aliases, tiers)
    }

    private fun refuseFeatures(reader: MessageReader) {
        val count = reader.array("features")
        if (count > Limits.FEATURES) throw reader.fault(ErrorCode.LIMIT, "$count features are beyond the limit")
        val features = List(count) { reader.string("a feature") }
        features.firstOrNull()?.let {
            throw reader.fault(ErrorCode.FEATURE, "the file requires ${quote(it)}; use a newer decoder")
        }
    }

    private fun tiers(reader: MessageReader): Int {
        val tiers = reader.uint("tiers", Limits.TIERS.toLong()).toInt()
        if (tiers == 0) throw reader.fault(ErrorCode.DIRECTORY, "tiers are 0")
        return tiers
    }

    private fun groups(reader: MessageReader, tiers: Int): List<Group> {
        val count = reader.array("groups")
        val groups = ArrayList<Group>()
        repeat(count) { index ->
            groups.add(GroupParser(reader.at(reader.position), names, tiers).parse(index))
            reader.skip()
        }
        return groups
    }

    private fun metadata(reader: MessageReader): Map<String, String> {
        val metadata = LinkedHashMap<String, String>()
        var last = ByteArray(0)
        repeat(reader.map("metadata")) {
            val key = reader.stringBytes("a metadata key")
            if (compareUnsigned(key, last) <= 0) {
                throw reader.fault(ErrorCode.DIRECTORY, "metadata keys are empty or not in ascending order")
            }
            metadata[String(key, Charsets.UTF_8)] = reader.string("a metadata value")
            last = key
        }
        return metadata
    }

    private fun aliases(reader: MessageReader): Map<String, String> {
        val aliases = LinkedHashMap<String, String>()
        repeat(reader.array("aliases")) {
            reader.array("an alias", 2)
            val position = reader.position
            val name = reader.stringBytes("an alias")
            val target = reader.string("a target")
            if (!names.isTensor(target)) {
                throw reader.at(position).fault(ErrorCode.NAME, "an alias of ${quote(target)}, which is no tensor")
            }
            aliases[names.add(name, reader.at(position), isTensor = false)] = target
        }
        return aliases
    }

    private fun compareUnsigned(a: ByteArray, b: ByteArray): Int {
        for (i in 0 until minOf(a.size, b.size)) {
            if (a[i] != b[i]) return (a[i].toInt() and 0xFF) - (b[i].toInt() and 0xFF)
        }
        return a.size - b.size
    }

    private companion object {
        const val GROUPS = 0
        const val METADATA = 1
        const val ALIASES = 2
        const val FEATURES = 3
        const val TIERS = 4
    }
}
