package io.frz

import io.frz.internal.container.DirectoryField.ALIASES
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.SHAPES
import io.frz.internal.container.GroupField.SIZES
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Checks that errors say which name is at fault, and where it starts. */
class NameFaultTest {
    private fun file(vararg names: Any, aliases: List<List<String>> = emptyList()): FrzBuilder {
        val shapes = List(names.size / 2) { listOf(0) }
        val group = FrzBuilder.tensor("", DType.F32, emptyList()) + mapOf(NAMES to names.toList(), SHAPES to shapes)
        return FrzBuilder().group(group + mapOf(SIZES to listOf(0))).with(ALIASES, aliases)
    }

    /** Checks that the entry of the faulty name starts where [bytes] do, and what the message says about it. */
    private fun check(problem: String, bytes: ByteArray, file: FrzBuilder) {
        val directory = file.directoryBytes()
        val at = directory.indices.first { directory.copyOfRange(it, it + bytes.size) contentEquals bytes }
        val message = refused(ErrorCode.NAME) { FrzFile.open(file.build(directory)) }.message
        assertEquals("NAME: $problem, at byte $at of the directory", message)
    }

    private fun entry(prefix: Int, name: String) = FrzBuilder.pack(prefix) + FrzBuilder.pack(name)

    @Test
    fun `the number and the place of a faulty name are given`() {
        val long = "x".repeat(2000)
        val most = "and a name has at most 1024"
        check("name 1 has 2000 bytes, $most", entry(0, long), file(0, "first", 0, long, 0, "last"))
        check("name 2 has 1025 bytes, $most", entry(1023, "zz"), file(0, "a", 0, "y".repeat(1024), 1023, "zz"))
        check("name 0 is empty", entry(0, ""), file(0, "", 0, "last"))
        check("name 1 has control characters", entry(0, "\n"), file(0, "first", 0, "\n"))
        check("name 1 is not UTF-8", entry(1, "a"), file(0, "\u00df", 1, "a"))
        check("name 1 has a prefix of 9 bytes, but the previous name has 5", entry(9, "a"), file(0, "first", 9, "a"))
        check("the name \"first\" is used twice", entry(5, ""), file(0, "first", 5, ""))
        val aliases = listOf(listOf("short", "first"), listOf(long, "first"))
        check("name 2 has 2000 bytes, $most", FrzBuilder.pack(long), file(0, "first", aliases = aliases))
        val other = listOf(listOf("short", "none"))
        val unknown = "an alias refers to \"none\", not to a tensor"
        check(unknown, FrzBuilder.pack("short"), file(0, "first", aliases = other))
    }
}
