package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.FrzException

/** The fields of one of the directory's maps: the position of the value of each known key. Unknown keys are skipped. */
internal class Fields(private val reader: MessageReader, private val what: String) {
    private val positions = IntArray(KNOWN) { ABSENT }

    init {
        var last = -1L
        repeat(reader.map(what)) {
            val key = reader.uint("a key of $what")
            if (key <= last) throw reader.fault(ErrorCode.DIRECTORY, "the keys of $what are not in ascending order")
            last = key
            if (key < KNOWN) positions[key.toInt()] = reader.position
            reader.skip()
        }
    }

    /** Returns a reader for the value of [field], or null if the field is absent. */
    fun optional(field: Field): MessageReader? =
        positions[field.ordinal].let { if (it == ABSENT) null else reader.at(it) }

    /** Returns a reader for the value of [field], which must be present. */
    fun required(field: Field): MessageReader = optional(field)
        ?: throw reader.fault(ErrorCode.DIRECTORY, "$what has no field ${field.name.lowercase()}")

    /** Returns an error with [code] at the value of [field] or, if the field is absent, at the end of the map. */
    fun fault(field: Field, code: ErrorCode, problem: String): FrzException =
        (optional(field) ?: reader).fault(code, problem)

    private companion object {
        /** All known keys are below this number. */
        const val KNOWN = 16
        const val ABSENT = -1
    }
}
