package io.frz

import io.frz.FrzBuilder.Companion.pack
import io.frz.internal.container.DirectoryField.ALIASES
import io.frz.internal.container.DirectoryField.FEATURES
import io.frz.internal.container.DirectoryField.GROUPS
import io.frz.internal.container.DirectoryField.METADATA
import io.frz.internal.container.DirectoryField.TIERS
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.CORNERS
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.FACTORS
import io.frz.internal.container.GroupField.FORMAT
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.OFFSETS
import io.frz.internal.container.GroupField.PER_TIER
import io.frz.internal.container.GroupField.SEEDS
import io.frz.internal.container.GroupField.SHAPES
import io.frz.internal.container.GroupField.SIZES
import io.frz.internal.container.GroupField.STEPS
import io.frz.internal.container.GroupField.VIEWS
import java.math.BigInteger
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests each rule of the directory's schema. */
class DirectoryTest {
    private val huge = BigInteger.ONE.shiftLeft(64) - BigInteger.ONE

    private fun spectrum(vararg extra: Pair<Any, Any?>) =
        FrzBuilder().spectrum("w", listOf(2, 3), floatArrayOf(1f, 2f), *extra).build()

    private fun plain(vararg extra: Pair<Any, Any?>) =
        FrzBuilder().plain("w", DType.U8, listOf(3), byteArrayOf(1, 2, 3), *extra).build()

    private fun top(key: Any, value: Any?) =
        FrzBuilder().spectrum("w", listOf(2, 3), floatArrayOf(1f, 2f)).with(key, value).build()

    private fun refuses(code: ErrorCode, vararg files: ByteArray) = files.forEach { refused(code) { FrzFile.open(it) } }

    @Test
    fun `the directory is one map`() {
        fun file(directory: ByteArray) = FrzBuilder().build(directory)
        val sound = pack(mapOf(GROUPS to emptyList<Any>()))
        assertEquals(0, FrzFile.open(file(sound)).tensors.size)
        refuses(
            ErrorCode.DIRECTORY,
            file(ByteArray(0)),
            file(sound + 0),
            file(sound.copyOf(sound.size - 1)),
            file(pack(emptyList<Any>())),
            file(pack(emptyMap<Any, Any>())),
            file(pack(mapOf("0" to emptyList<Any>()))),
            file(pack(mapOf(-1 to 0, GROUPS to emptyList<Any>()))),
            file(pack(linkedMapOf(METADATA to emptyMap<Any, Any>(), GROUPS to emptyList<Any>()))),
            file(pack(Verbatim(0x82, 0x02, 0x90, 0x02, 0x90))),
            file(pack(Verbatim(0x81, 0x02, 0xC1))),
            file(pack(Verbatim(0x81, 0x02, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF))),
            file(pack(Verbatim(0xDF, 0xFF, 0xFF, 0xFF, 0xFF)))
        )
    }

    @Test
    fun `unknown keys are skipped if they are well-formed`() {
        val nested = (1..15).fold(emptyList<Any>()) { inner, _ -> listOf(inner) } // 16 nested arrays
        val extension = Verbatim(0xD6, 7, 1, 2, 3, 4)
        val unknown = listOf(1.5, true, null, byteArrayOf(1), huge, -5L, "ö", mapOf("a" to listOf(1)), extension)
        for (value in unknown) {
            assertEquals(1, FrzFile.open(top(99, value)).tensors.size)
            assertEquals(1, FrzFile.open(spectrum(99 to value)).tensors.size)
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
    fun `integers can be written in any of their encodings`() {
        val unsigned = Verbatim(0xCF, 0, 0, 0, 0, 0, 0, 0, 11)
        val signed = Verbatim(0xD3, 0, 0, 0, 0, 0, 0, 0, 1)
        assertEquals(DType.F32, FrzFile.open(spectrum(DTYPE to unsigned, BASES to listOf(signed))).tensor("w").dtype)
        for (wrong in listOf(11.0, true, "11", -1, null)) refuses(ErrorCode.DIRECTORY, spectrum(DTYPE to wrong))
    }

    @Test
    fun `unknown features are refused before groups are read`() {
        assertEquals(1, FrzFile.open(top(FEATURES, emptyList<Any>())).tensors.size)
        val file = FrzBuilder().with(GROUPS, "?").with(FEATURES, listOf("x\u0007y")).build()
        val thrown = refused(ErrorCode.FEATURE) { FrzFile.open(file) }
        assertTrue("x\\u0007y" in thrown.message!!, thrown.message)
        refuses(ErrorCode.LIMIT, top(FEATURES, List(257) { "f" }))
        refuses(ErrorCode.DIRECTORY, top(FEATURES, listOf(1)), top(FEATURES, "f"))
    }

    @Test
    fun `metadata is a map of strings in order`() {
        val metadata = linkedMapOf("a" to "", "ä" to "x")
        assertEquals(metadata, FrzFile.open(top(METADATA, metadata)).metadata)
        refuses(
            ErrorCode.DIRECTORY,
            top(METADATA, linkedMapOf("b" to "", "a" to "")),
            top(METADATA, linkedMapOf("ä" to "", "a" to "")),
            top(METADATA, mapOf("" to "x")),
            top(METADATA, mapOf("a" to 1)),
            top(METADATA, mapOf(1 to "a")),
            top(METADATA, listOf("a", "b")),
            top(METADATA, Verbatim(0x82, 0xA1, 0x61, 0xA0, 0xA1, 0x61, 0xA0))
        )
    }

    @Test
    fun `aliases refer to tensors`() {
        val file = FrzFile.open(top(ALIASES, listOf(listOf("v", "w"))))
        assertEquals(mapOf("v" to "w"), file.aliases)
        assertEquals("w", file.tensor("v").name)
        assertTrue("v" in file && "w" in file && "u" !in file)
        refuses(
            ErrorCode.NAME,
            top(ALIASES, listOf(listOf("v", "u"))),
            top(ALIASES, listOf(listOf("w", "w"))),
            top(ALIASES, listOf(listOf("v", "w"), listOf("v", "w"))),
            top(ALIASES, listOf(listOf("v", "w"), listOf("u", "v"))),
            top(ALIASES, listOf(listOf("", "w")))
        )
        for (alias in listOf(listOf("v"), "v", listOf("v", 1))) {
            refuses(ErrorCode.DIRECTORY, top(ALIASES, listOf(alias)))
        }
    }

    @Test
    fun `there are 1 to 256 tiers`() {
        assertEquals(1, FrzFile.open(top(TIERS, 1)).tiers)
        refuses(ErrorCode.DIRECTORY, top(TIERS, 0), top(TIERS, -1), top(TIERS, 2), top(TIERS, "1"))
        refuses(ErrorCode.LIMIT, top(TIERS, 257), top(TIERS, huge))
    }

    @Test
    fun `unknown ids are unsupported`() {
        for (key in listOf(DTYPE, FORMAT, CODER)) {
            for (id in listOf(18, huge)) refuses(ErrorCode.UNSUPPORTED, spectrum(key to id))
        }
        refuses(ErrorCode.UNSUPPORTED, spectrum(BASES to listOf(1, 4)), spectrum(FORMAT to DType.I32.id))
    }

    @Test
    fun `required fields must be present`() {
        val fields = FrzBuilder.tensor("w", DType.F32, listOf(1))
        assertEquals(1, FrzFile.open(FrzBuilder().group(fields, FrzBuilder.floats(1f)).build()).tensors.size)
        for (key in fields.keys) {
            refuses(ErrorCode.DIRECTORY, FrzBuilder().group(fields - key, FrzBuilder.floats(1f)).build())
        }
        refuses(ErrorCode.DIRECTORY, FrzBuilder().with(GROUPS, listOf(1)).build())
    }

    @Test
    fun `fields that exclude each other are refused together`() {
        val kept = listOf(listOf(2))
        refuses(
            ErrorCode.DIRECTORY,
            spectrum(CORNERS to listOf(listOf(listOf(1, 2)))),
            spectrum(PER_TIER to 1),
            spectrum(FORMAT to DType.F16.id, STEPS to listOf(0)),
            spectrum(OFFSETS to 1),
            spectrum(STEPS to listOf(0), OFFSETS to 1, CODER to Coder.ADAPTIVE.id),
            spectrum(FACTORS to listOf(listOf(0))),
            spectrum(SEEDS to listOf(listOf(0))),
            spectrum(BASES to listOf(3), SEEDS to listOf(listOf(0, 0)), KEPT to kept),
            spectrum(PER_TIER to 0),
            spectrum(OFFSETS to 0)
        )
        refuses(ErrorCode.LIMIT, spectrum(PER_TIER to 2), spectrum(OFFSETS to 256))
    }

    @Test
    fun `only floats are computed, and coders support only their types`() {
        refuses(
            ErrorCode.DIRECTORY,
            spectrum(DTYPE to DType.I32.id),
            spectrum(DTYPE to DType.F64.id),
            plain(FORMAT to DType.F16.id),
            plain(CODER to Coder.ADAPTIVE.id),
            plain(CODER to Coder.STATIC.id),
            spectrum(STEPS to listOf(0))
        )
        val wide = spectrum(DTYPE to DType.F64.id, FORMAT to DType.F32.id)
        assertEquals(DType.F64, FrzFile.open(wide).tensor("w").dtype)
    }

    @Test
    fun `factors must be matrices that fit their tensors`() {
        fun file(factor: Map<Any, Any?>, vararg extra: Pair<Any, Any?>): ByteArray {
            val sound = mapOf(DTYPE to 11, SHAPES to listOf(listOf(2, 3)), CODER to 0)
            val use = arrayOf(BASES to listOf(2), FACTORS to listOf(listOf(0)), CORNERS to listOf(listOf(listOf(2))))
            return FrzBuilder().group(sound + factor, ByteArray(24))
                .plain("w", DType.F32, listOf(3), ByteArray(8), *use, *extra).build()
        }
        val sound = FrzFile.open(file(emptyMap()))
        assertEquals(listOf(1, 1, 2), listOf(sound.factors.size, sound.tensors.size, sound.groups.size))
        assertEquals(listOf(0), sound.tensor("w").factors)
        assertEquals(listOf("", "w"), sound.groups.map { it.tensors.single().name })
        refuses(
            ErrorCode.DIRECTORY,
            file(mapOf(DTYPE to DType.F16.id, SIZES to listOf(12))),
            file(mapOf(SHAPES to listOf(listOf(6)))),
            file(mapOf(BASES to listOf(0))),
            file(mapOf(VIEWS to listOf(null))),
            file(emptyMap(), FACTORS to listOf(listOf(0, 0))),
            file(emptyMap(), FACTORS to emptyList<Any>())
        )
        refuses(
            ErrorCode.SHAPE,
            file(mapOf(SHAPES to listOf(listOf(3, 2)))),
            file(mapOf(SHAPES to listOf(listOf(1, 6)))),
            file(mapOf(CORNERS to listOf(listOf(listOf(2, 2))))),
            file(emptyMap(), FACTORS to listOf(listOf(1))),
            file(emptyMap(), FACTORS to listOf(listOf(huge)))
        )
    }

    @Test
    fun `seeds have 64 bits`() {
        fun seed(seed: Any?, corner: Int = 1) = FrzBuilder().plain(
            "w",
            DType.F32,
            listOf(1 shl 15),
            ByteArray(4),
            BASES to listOf(3),
            SEEDS to listOf(listOf(seed)),
            CORNERS to listOf(listOf(listOf(corner)))
        ).build()
        assertEquals(listOf(-1L), FrzFile.open(seed(huge)).tensor("w").seeds)
        assertEquals(listOf(5L), FrzFile.open(seed(5)).tensor("w").seeds)
        refuses(ErrorCode.DIRECTORY, seed(-1), seed("5"), seed(null))
        refuses(ErrorCode.LIMIT, seed(0, (1 shl 14) + 1))
    }

    @Test
    fun `names must be front-coded, allowed and unique`() {
        fun names(vararg names: Any?) = FrzBuilder().group(
            mapOf(
                DTYPE to 1,
                NAMES to names.toList(),
                SHAPES to List(names.size / 2) { listOf(0) },
                CODER to 0,
                SIZES to listOf(0)
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
    fun `the total length of names is limited`() {
        val prefix = "x".repeat(1020)
        fun file(count: Int, last: String) = FrzBuilder().apply { deflated = true }.group(
            mapOf(
                DTYPE to 1,
                NAMES to List(count) { if (it == 0) listOf(0, prefix + "0000") else listOf(1020, "%04x".format(it)) }
                    .flatten(),
                SHAPES to List(count) { listOf(0) },
                CODER to 0,
                SIZES to listOf(0)
            )
        ).with(ALIASES, listOf(listOf(last, prefix + "0000"))).build()
        val most = FrzFile.open(file((1 shl 16) - 1, "y".repeat(1024)))
        assertEquals(1 shl 16, most.tensors.size + most.aliases.size)
        assertTrue(prefix + "fffe" in most && prefix + "ffff" !in most)
        refuses(ErrorCode.LIMIT, file(1 shl 16, "y"))
    }

    @Test
    fun `shapes are limited`() {
        fun shape(vararg axes: Any) = FrzBuilder()
            .spectrum("w", listOf(), floatArrayOf(), SHAPES to listOf(axes.toList()), SIZES to listOf(0)).build()
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
        refuses(ErrorCode.DIRECTORY, shape(-1), shape("1"), spectrum(SHAPES to listOf(listOf(2, 3), listOf(1))))
        refuses(ErrorCode.DIRECTORY, spectrum(SHAPES to 1), spectrum(SHAPES to emptyList<Any>()))
    }

    @Test
    fun `kept counts must agree with shapes and tiers`() {
        fun kept(vararg tiers: Any?) = spectrum(KEPT to tiers.toList())
        refuses(ErrorCode.SHAPE, kept(listOf(7)))
        refuses(ErrorCode.SHAPE, spectrum(SHAPES to listOf(listOf(1))), spectrum(SHAPES to listOf(listOf(0))))
        refuses(ErrorCode.LIMIT, kept(listOf(1L shl 31)), kept(listOf(huge)))
        refuses(ErrorCode.DIRECTORY, kept(2), kept(listOf(1, 1)), kept())
        val two = arrayOf(KEPT to listOf(listOf(1), listOf(0)), SIZES to listOf(4, 0))
        refuses(
            ErrorCode.SHAPE,
            FrzBuilder().spectrum("w", listOf(4), floatArrayOf(1f), *two).with(TIERS, 2).build()
        )
    }

    @Test
    fun `corners must agree with views and tiers`() {
        fun corners(vararg tiers: Any?) = FrzBuilder().with(TIERS, 2).plain(
            "w",
            DType.U8,
            listOf(6),
            ByteArray(6),
            VIEWS to listOf(listOf(2, 3)),
            CORNERS to tiers.toList(),
            SIZES to listOf(6, 0)
        ).build()
        val sound = FrzFile.open(corners(listOf(listOf(2, 3)), listOf(listOf(2, 3)))).tensor("w")
        assertEquals(listOf(listOf(2L, 3L), listOf(2L, 3L)), sound.corners.map { it.toList() })
        refuses(
            ErrorCode.SHAPE,
            corners(listOf(listOf(3, 2)), listOf(listOf(3, 2))),
            corners(listOf(listOf(2, 3)), listOf(listOf(2, 2)))
        )
        refuses(ErrorCode.LIMIT, corners(listOf(listOf(2, 1L shl 31)), listOf(listOf(2, 3))))
        refuses(ErrorCode.DIRECTORY, corners(listOf(listOf(2, 3))), corners(listOf(listOf(6)), listOf(listOf(6))))
    }

    @Test
    fun `views must have as many elements as shapes`() {
        assertEquals(listOf(3L, 2L), FrzFile.open(spectrum(VIEWS to listOf(listOf(3, 2)))).tensor("w").view!!.toList())
        assertEquals(null, FrzFile.open(spectrum(VIEWS to listOf(null))).tensor("w").view)
        for (view in listOf(listOf(3, 3), listOf(0), listOf())) {
            refuses(ErrorCode.SHAPE, spectrum(VIEWS to listOf(view)))
        }
        refuses(ErrorCode.LIMIT, spectrum(VIEWS to listOf(List(9) { 1 })), spectrum(VIEWS to listOf(listOf(1L shl 31))))
        for (views in listOf(listOf(1), listOf(null, null), 1)) refuses(ErrorCode.DIRECTORY, spectrum(VIEWS to views))
    }

    @Test
    fun `steps are limited`() {
        fun step(code: Any) = FrzBuilder()
            .spectrum("w", listOf(2), floatArrayOf(), STEPS to listOf(code), CODER to Coder.ADAPTIVE.id).build()
        for ((code, step) in listOf(0 to 1.0, -48 to 0.125, 8 to 1.5, 2031 to 31.0 * Math.pow(2.0, 122.0))) {
            assertEquals(step, FrzFile.open(step(code)).tensor("w").step)
        }
        refuses(ErrorCode.LIMIT, step(-2017), step(2032), step(huge), step(Long.MIN_VALUE))
        refuses(ErrorCode.DIRECTORY, step(0.5), spectrum(STEPS to emptyList<Any>(), CODER to Coder.ADAPTIVE.id))
    }

    @Test
    fun `sizes must agree with the stored values`() {
        fun sizes(vararg sizes: Any) = spectrum(SIZES to sizes.toList(), CODER to Coder.DEFLATE.id)
        refuses(ErrorCode.DIRECTORY, spectrum(SIZES to listOf(7)), sizes(8, 0), spectrum(SIZES to 8))
        refuses(ErrorCode.DIRECTORY, plain(SIZES to listOf(2)), plain(SHAPES to listOf(listOf(0))))
        refuses(ErrorCode.DIRECTORY, spectrum(KEPT to listOf(listOf(0))))
        refuses(ErrorCode.LIMIT, sizes((1L shl 48) + 1), sizes(huge))
        refuses(ErrorCode.TRUNCATED, sizes(1L shl 48))
        val most = 65536 * (8 + 16)
        fun coded(count: Int) = spectrum(
            SHAPES to listOf(listOf(most + 1)),
            KEPT to listOf(listOf(count)),
            CODER to Coder.STATIC.id
        )
        assertEquals(most, FrzFile.open(coded(most)).tensor("w").kept)
        refuses(ErrorCode.LIMIT, coded(most + 1))
    }

    @Test
    fun `the size of a file is limited`() {
        val names = List(256) { "$it" }
        val builder = FrzBuilder()
        for (name in names) {
            builder.plain(name, DType.U8, listOf(1), ByteArray(0), CODER to 1, SIZES to listOf(1L shl 48))
        }
        refuses(ErrorCode.LIMIT, builder.build())
    }
}
