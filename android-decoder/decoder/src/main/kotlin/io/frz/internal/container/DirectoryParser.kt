package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.internal.Allowance
import io.frz.internal.Limits
import io.frz.internal.directory.Group
import io.frz.internal.quote

/** Reads the directory in the order that section 3 of the specification prescribes. */
internal class DirectoryParser(private val bytes: ByteArray, private val allowance: Allowance) {

    fun parse(): Directory {
        val reader = MessageReader(bytes, allowance)
        reader.check()
        if (reader.position != bytes.size) throw reader.fault(ErrorCode.DIRECTORY, "bytes follow the directory's map")

        val fields = Fields(MessageReader(bytes, allowance), "the directory")
        val isDelta = DELTA in fields.optional(DirectoryField.FEATURES)?.let { features(it) }.orEmpty()
        val tiers = fields.optional(DirectoryField.TIERS)?.atLeastOne("tiers", Limits.TIERS.toLong())?.toInt() ?: 1
        if (isDelta && tiers > 1) {
            throw fields.fault(DirectoryField.TIERS, ErrorCode.DIRECTORY, "a delta file has $tiers tiers, not one")
        }
        val known = Known(tiers, isDelta, allowance)
        val groups = groups(fields.required(DirectoryField.GROUPS), known)
        val targets = fields.optional(DirectoryField.ALIASES)?.let { targets(it, known) } ?: IntArray(0)
        val metadata = fields.optional(DirectoryField.METADATA)?.let { metadata(it) }.orEmpty()
        val base = fields.optional(DirectoryField.BASE)?.let { base(it, isDelta) }
        if (isDelta) fields.required(DirectoryField.BASE)
        return Directory(groups, metadata, known.names, known.factors, targets, tiers, base)
    }

    private fun base(reader: MessageReader, isDelta: Boolean): ByteArray {
        if (!isDelta) throw reader.fault(ErrorCode.DIRECTORY, "a base requires the feature $DELTA")
        return reader.binary("base", Limits.DIGEST_BYTES)
    }

    private fun features(reader: MessageReader): List<String> {
        val count = reader.array("features")
        if (count > Limits.FEATURES) {
            throw reader.fault(ErrorCode.LIMIT, "$count features exceed the limit of ${Limits.FEATURES}")
        }
        val features = List(count) { reader.string("a feature") }
        features.firstOrNull { it != DELTA }?.let {
            throw reader.fault(ErrorCode.FEATURE, "the file requires the feature ${quote(it)}; use a newer decoder")
        }
        return features
    }

    private fun groups(reader: MessageReader, known: Known): List<Group> {
        val count = reader.array("groups")
        val groups = ArrayList<Group>()
        repeat(count) { index ->
            allowance.take(GROUP_BYTES)
            val group = GroupParser(reader.at(reader.position), known).parse(index)
            groups.add(group)
            if (group.isFactors) known.factors.add(group)
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
            val value = reader.stringBytes("a metadata value")
            allowance.take(STRINGS_BYTES + Char.SIZE_BYTES * (key.size + value.size.toLong()))
            metadata[String(key, Charsets.UTF_8)] = String(value, Charsets.UTF_8)
            last = key
        }
        return metadata
    }

    /** Adds the names of the aliases, and returns the numbers of the tensors that they refer to. */
    private fun targets(reader: MessageReader, known: Known): IntArray {
        val count = reader.array("aliases")
        val names = known.names
        val tensors = names.size
        known.count(count, reader)
        allowance.take(ALIAS_BYTES * count)
        return IntArray(count) {
            reader.array("an alias", 2)
            val at = reader.position
            val name = names.read("an alias", 0, reader, at)
            val target = reader.string("a target")
            val number = names.find(target)
            if (number !in 0 until tensors) {
                throw reader.fault(ErrorCode.NAME, "an alias refers to ${quote(target)}, not to a tensor", at = at)
            }
            allowance.take(2L * Char.SIZE_BYTES * name.size)
            names.add(0, name, reader, at)
            number
        }
    }

    private fun compareUnsigned(a: ByteArray, b: ByteArray): Int {
        for (i in 0 until minOf(a.size, b.size)) {
            if (a[i] != b[i]) return (a[i].toInt() and 0xFF) - (b[i].toInt() and 0xFF)
        }
        return a.size - b.size
    }

    private companion object {
        /** The feature that marks a delta file. */
        const val DELTA = "delta"

        /** The memory of a group in bytes, excluding the data of its tensors. */
        const val GROUP_BYTES = 512L

        /** The memory of a map entry and two strings in bytes, excluding their characters. */
        const val STRINGS_BYTES = 160L

        /** The memory of an alias in bytes, excluding its name: a number and a map entry. */
        const val ALIAS_BYTES = STRINGS_BYTES + Int.SIZE_BYTES
    }
}
