package io.frz

import io.frz.FrzBuilder.Companion.pack
import java.math.BigInteger
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The schema of the directory, rule by rule. */
class DirectoryTest {
    private val huge = BigInteger.ONE.shiftLeft(64) - BigInteger.ONE

    private fun dct(vararg extra: Pair<Int, Any?>) =
        FrzBuilder().dct("w", listOf(2, 3), floatArrayOf(1f, 2f), *extra).build()

    private fun raw(vararg extra: Pair<Int, Any?>) =
        FrzBuilder().raw("w", DType.U8, listOf(3), byteArrayOf(1, 2, 3), *extra).build()

    private fun top(key: Int, value: Any?) =
        FrzBuilder().dct("w", listOf(2, 3), floatArrayOf(1f, 2f)).with(key, value).build()

    private fun refuses(code: ErrorCode, vararg files: ByteArray) = files.forEach { refused(code) { FrzFile.open(it) } }

    @Test
    fun `the directory is one map`() {
        fun file(directory: ByteArray) = FrzBuilder().build(directory)
        val sound = pack(mapOf(0 to emptyList<Any>()))
        assertEquals(0, FrzFile.open(file(sound)).tensors.size)
        refuses(
            ErrorCode.DIRECTORY,
            file(ByteArray(0)),
            file(sound + 0),
            file(sound.copyOf(sound.size - 1)),
            file(pack(emptyList<Any>())),
            file(pack(emptyMap<Int, Any>())),
            file(pack(mapOf("0" to emptyList<Any>()))),
            file(pack(mapOf(-1 to 0, 0 to emptyList<Any>()))),
            file(pack(linkedMapOf(3 to emptyList<Any>(), 0 to emptyList<Any>()))),
            file(pack(Verbatim(0x82, 0x00, 0x90, 0x00, 0x90))),
            file(pack(Verbatim(0x81, 0x00, 0xC1))),
            file(pack(Verbatim(0x81, 0x00, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF))),
            file(pack(Verbatim(0xDF, 0xFF, 0xFF, 0xFF, 0xFF)))
        )
    }

    @Test
    fun `unknown keys are passed over if they are well-formed`() {
        val nested = (1..15).fold(emptyList<Any>()) { inner, _ -> listOf(inner) } // 16 arrays, one within the other
        val extension = Verbatim(0xD6, 7, 1, 2, 3, 4)
        val unknown = listOf(1.5, true, null, byteArrayOf(1), huge, -5L, "ö", mapOf("a" to listOf(1)), extension)
        for (value in unknown) {
            assertEquals(1, FrzFile.open(top(99, value)).tensors.size)
            assertEquals(1, FrzFile.open(dct(99 to value)).tensors.size)
        }
        assertEquals(1, FrzFile.open(top(99, nested.first())).tensors.size)
        refuses(
            ErrorCode.DIRECTORY,
            top(99, nested),
            top(99, Verbatim(0xA1, 0xFF)),
            top(99, Verbatim(0xA2, 0xC0, 0x80)),
            top(99, Verbatim(0xA3, 0xED, 0xA0, 0x80)),
            top(99, Verbatim(0xC6, 0x7F, 0xFF, 0xFF, 0xFF)),
            top(99, Verbatim(0xDB, 0xFF, 0xFF, 0xFF, 0xFF)),
            top(99, Verbatim(0xC9, 0xFF, 0xFF, 0xFF, 0xFF, 1))
        )
    }

    @Test
    fun `integers may be written in any of their encodings`() {
        val unsigned = Verbatim(0xCF, 0, 0, 0, 0, 0, 0, 0, 11)
        val signed = Verbatim(0xD3, 0, 0, 0, 0, 0, 0, 0, 1)
        assertEquals(DType.F32, FrzFile.open(dct(1 to unsigned, 0 to signed)).tensor("w").dtype)
        refuses(ErrorCode.DIRECTORY, dct(1 to 11.0), dct(1 to true), dct(1 to "11"), dct(1 to -1), dct(1 to null))
    }

    @Test
    fun `features are refused before groups are looked at`() {
        assertEquals(1, FrzFile.open(top(3, emptyList<Any>())).tensors.size)
        val file = FrzBuilder().with(0, "?").with(3, listOf("x\u0007y")).build()
        val thrown = refused(ErrorCode.FEATURE) { FrzFile.open(file) }
        assertTrue("x\\u0007y" in thrown.message!!, thrown.message)
        refuses(ErrorCode.LIMIT, top(3, List(257) { "f" }))
        refuses(ErrorCode.DIRECTORY, top(3, listOf(1)), top(3, "f"))
    }

    @Test
    fun `metadata is a map of strings in order`() {
        assertEquals(mapOf("a" to "", "ä" to "x"), FrzFile.open(top(1, linkedMapOf("a" to "", "ä" to "x"))).metadata)
        refuses(
            ErrorCode.DIRECTORY,
            top(1, linkedMapOf("b" to "", "a" to "")),
            top(1, linkedMapOf("ä" to "", "a" to "")),
            top(1, mapOf("" to "x")),
            top(1, mapOf("a" to 1)),
            top(1, mapOf(1 to "a")),
            top(1, listOf("a", "b")),
            top(1, Verbatim(0x82, 0xA1, 0x61, 0xA0, 0xA1, 0x61, 0xA0))
        )
    }

    @Test
    fun `aliases name tensors`() {
        val file = FrzFile.open(top(2, listOf(listOf("v", "w"))))
        assertEquals(mapOf("v" to "w"), file.aliases)
        assertEquals("w", file.tensor("v").name)
        assertTrue("v" in file && "w" in file && "u" !in file)
        refuses(
            ErrorCode.NAME,
            top(2, listOf(listOf("v", "u"))),
            top(2, listOf(listOf("w", "w"))),
            top(2, listOf(listOf("v", "w"), listOf("v", "w"))),
            top(2, listOf(listOf("v", "w"), listOf("u", "v"))),
            top(2, listOf(listOf("", "w")))
        )
        refuses(ErrorCode.DIRECTORY, top(2, listOf(listOf("v"))), top(2, listOf("v")), top(2, listOf(listOf("v", 1))))
    }

    @Test
    fun `tiers are 1 to 256`() {
        assertEquals(1, FrzFile.open(top(4, 1)).tiers)
        refuses(ErrorCode.DIRECTORY, top(4, 0), top(4, -1), top(4, 2), top(4, "1"))
        refuses(ErrorCode.LIMIT, top(4, 257), top(4, huge))
    }

    @Test
    fun `ids that are not known are unsupported`() {
        refuses(ErrorCode.UNSUPPORTED, dct(0 to 2), dct(1 to 17), dct(4 to 5), dct(6 to 6), raw(0 to 7), raw(1 to huge))
    }

    @Test
    fun `required fields are there and others are not`() {
        for (key in listOf(0, 1, 2, 3, 4, 6, 7)) {
            val fields = mapOf(
                0 to 1,
                1 to 11,
                2 to listOf(0, "w"),
                3 to listOf(listOf(1)),
                4 to 0,
                6 to 0,
                7 to listOf(listOf(1))
            )
            refuses(ErrorCode.DIRECTORY, FrzBuilder().group(fields - key, FrzBuilder.floats(1f)).build())
        }
        val misplaced = listOf(6 to 0, 7 to listOf(listOf(1)), 8 to listOf(0), 9 to listOf(null))
        misplaced.forEach { refuses(ErrorCode.DIRECTORY, raw(it)) }
        refuses(ErrorCode.DIRECTORY, dct(8 to listOf(0)), dct(6 to 3, 5 to listOf(2)))
        refuses(ErrorCode.DIRECTORY, FrzBuilder().with(0, listOf(1)).build())
    }

    @Test
    fun `dct takes floats and the range coder no wide types`() {
        refuses(ErrorCode.DIRECTORY, dct(1 to DType.I32.id), dct(1 to DType.BOOL.id), raw(4 to 3), raw(4 to 4))
    }

    @Test
    fun `names are front-coded, allowed and unique`() {
        fun names(vararg names: Any?) = FrzBuilder().group(
            mapOf(
                0 to 0,
                1 to 1,
                2 to names.toList(),
                3 to List(names.size / 2) { listOf(0) },
                4 to 0,
                5 to listOf(0)
            )
        ).build()
        val file = FrzFile.open(names(0, "a.weight", 2, "bias", 2, "ß", 4, ".0"))
        assertEquals(listOf("a.weight", "a.bias", "a.ß", "a.ß.0"), file.tensors.map { it.name })
        refuses(
            ErrorCode.NAME,
            names(1, "a"),
            names(0, "a", 2, "b"),
            names(0, "a", 1, ""),
            names(0, "a", huge, "b"),
            names(0, ""),
            names(0, "a\u007F"),
            names(0, "a\n"),
            names(0, "ß", 1, "a"),
            names(0, "x".repeat(1025))
        )
        assertEquals(1, FrzFile.open(names(0, "x".repeat(1024))).tensors.size)
        refuses(ErrorCode.DIRECTORY, names(), names(0), names("a", 0), names(0, 1), names(0, "a", 0))
    }

    @Test
    fun `names together are within limits`() {
        val prefix = "x".repeat(1020)
        fun file(count: Int, last: String) = FrzBuilder().apply { deflated = true }.group(
            mapOf(
                0 to 0,
                1 to 1,
                2 to List(count) { listOf(if (it == 0) 0 else 1020, (if (it == 0) prefix else "") + "%04x".format(it)) }
                    .flatten(),
                3 to List(count) { listOf(0) },
                4 to 0,
                5 to listOf(0)
            )
        ).with(2, listOf(listOf(last, prefix + "0000"))).build()
        val most = FrzFile.open(file((1 shl 16) - 1, "y".repeat(1024)))
        assertEquals(1 shl 16, most.tensors.size + most.aliases.size)
        assertTrue(prefix + "fffe" in most && prefix + "ffff" !in most)
        refuses(ErrorCode.LIMIT, file(1 shl 16, "y"))
    }

    @Test
    fun `shapes are within limits`() {
        fun shape(vararg axes: Any) =
            FrzBuilder().dct("w", listOf(), floatArrayOf(), 3 to listOf(axes.toList()), 5 to listOf(0)).build()
        assertEquals(0, FrzFile.open(shape(Int.MAX_VALUE, Int.MAX_VALUE, Int.MAX_VALUE, 0)).tensor("w").elements)
        assertEquals(1L shl 48, FrzFile.open(shape(1 shl 24, 1 shl 24)).tensor("w").elements)
        refuses(
            ErrorCode.LIMIT,
            shape(1 shl 24, 1 shl 24, 2),
            shape(1L shl 31),
            shape(huge),
            shape(Int.MAX_VALUE, Int.MAX_VALUE, Int.MAX_VALUE, Int.MAX_VALUE),
            shape(1, 1, 1, 1, 1, 1, 1, 1, 1)
        )
        refuses(ErrorCode.DIRECTORY, shape(-1), shape("1"), dct(3 to listOf(listOf(2, 3), listOf(1))), dct(3 to 1))
    }

    @Test
    fun `kept counts agree with shapes and tiers`() {
        refuses(ErrorCode.SHAPE, dct(7 to listOf(listOf(7))), dct(3 to listOf(listOf(1))), dct(3 to listOf(listOf(0))))
        refuses(ErrorCode.LIMIT, dct(7 to listOf(listOf(1L shl 31))), dct(7 to listOf(listOf(huge))))
        refuses(ErrorCode.DIRECTORY, dct(7 to listOf(2)), dct(7 to listOf(listOf(1, 1))), dct(7 to emptyList<Any>()))
        refuses(
            ErrorCode.SHAPE,
            FrzBuilder().dct("w", listOf(4), floatArrayOf(1f), 7 to listOf(listOf(1), listOf(0)), 5 to listOf(4, 0))
                .with(4, 2).build()
        )
    }

    @Test
    fun `views have as many elements as shapes`() {
        assertEquals(listOf(3L, 2L), FrzFile.open(dct(9 to listOf(listOf(3, 2)))).tensor("w").view!!.toList())
        assertEquals(null, FrzFile.open(dct(9 to listOf(null))).tensor("w").view)
        for (view in listOf(listOf(3, 3), listOf(0), listOf())) refuses(ErrorCode.SHAPE, dct(9 to listOf(view)))
        refuses(ErrorCode.LIMIT, dct(9 to listOf(List(9) { 1 })), dct(9 to listOf(listOf(1L shl 31))))
        refuses(ErrorCode.DIRECTORY, dct(9 to listOf(1)), dct(9 to listOf(null, null)), dct(9 to 1))
    }

    @Test
    fun `steps are within limits`() {
        fun step(code: Any) = dct(6 to 4, 5 to listOf(4), 8 to listOf(code))
        for ((code, step) in listOf(0 to 1.0, -48 to 0.125, 8 to 1.5, 2031 to 31.0 * Math.pow(2.0, 122.0))) {
            val file = FrzBuilder().dct("w", listOf(2), floatArrayOf(), 6 to 4, 8 to listOf(code)).build()
            assertEquals(step, FrzFile.open(file).tensor("w").step)
        }
        refuses(ErrorCode.LIMIT, step(-2017), step(2032), step(huge), step(Long.MIN_VALUE))
        refuses(ErrorCode.DIRECTORY, step(0.5), dct(6 to 4, 5 to listOf(4), 8 to emptyList<Any>()))
    }

    @Test
    fun `sizes agree with what is stored`() {
        refuses(ErrorCode.DIRECTORY, dct(5 to listOf(7)), dct(5 to listOf(8, 0)), dct(5 to 8), raw(5 to listOf(2)))
        refuses(ErrorCode.DIRECTORY, dct(7 to listOf(listOf(0))), raw(3 to listOf(listOf(0))))
        refuses(ErrorCode.LIMIT, dct(4 to 1, 5 to listOf((1L shl 48) + 1)), dct(4 to 1, 5 to listOf(huge)))
        refuses(ErrorCode.TRUNCATED, dct(4 to 1, 5 to listOf(1L shl 48)))
        val most = 1024 * (8 + 16)
        fun range(count: Int) = dct(4 to 3, 3 to listOf(listOf(most + 1)), 7 to listOf(listOf(count)))
        assertEquals(most, FrzFile.open(range(most)).tensor("w").kept)
        refuses(ErrorCode.LIMIT, range(most + 1))
    }
}
