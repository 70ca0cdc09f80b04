package io.frz.internal.container

import io.frz.ErrorCode
import io.frz.FrzException

/** The fields of one of the directory's maps: where the value of each key starts. Unknown keys are skipped. */
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

    /** Returns a reader for the value of [key], or null. */
    fun optional(key: Int): MessageReader? = positions[key].let { if (it == ABSENT) null else reader.at(it) }

    /** Returns a reader for the value of [key], called [name]. */
    fun required(key: Int, name: String): MessageReader =
        optional(key) ?: throw reader.fault(ErrorCode.DIRECTORY, "$what has no field $name")

    /** Returns an error with this [code] at the value of [key], or at the place where it should be. */
    fun fault(key: Int, code: ErrorCode, problem: String): FrzException = (optional(key) ?: reader).fault(code, problem)

    private companion object {
        /** All known keys are below this number. */
        const val KNOWN = 16
        const val ABSENT = -1
    }
}
