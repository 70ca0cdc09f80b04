package io.frz.template

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import java.nio.file.Paths
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.Inflater
import kotlin.experimental.xor
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that filled files equal those of the exporters, and that faulty input is rejected. */
class FrzTemplateTest : OnSynthetic() {
    @Test
    fun `filled files equal those of the exporters`() {
        assertArrayEquals(bytes("synthetic.bin"), content(fill(template, weights)))
        assertArrayEquals(bytes("half.bin"), content(fill(template, bytes("half.frz"))))
        assertArrayEquals(bytes("factored.bin"), content(fill(bytes("factored.frt"), bytes("factored.frz"))))
        for (name in listOf("tiny.tflite", "tiny.pte")) {
            assertArrayEquals(bytes(name), content(fill(bytes("$name.frt"), bytes("tiny.frz"))), name)
        }
    }

    @Test
    fun `LiteRT accepts the buffer, and progress is reported`() {
        val seen = ArrayList<Pair<Long, Long>>()
        val options = FrzLoadOptions.builder().progress { done, total -> seen += done to total }.build()
        val buffer = fill(template, weights, options)
        assertTrue(buffer.isDirect)
        assertEquals(ByteOrder.nativeOrder(), buffer.order())
        assertEquals(0, buffer.position())
        assertEquals(0L, seen.first().first)
        assertEquals(seen.last().second, seen.last().first)
    }

    @Test
    fun `weights must fit`() {
        val fault = fault(template, bytes("other.frz"))
        assertEquals(Kind.MISMATCH, fault.kind)
        assertTrue("missing from the file: " in fault.message!! && "not in the model: " in fault.message!!)
    }

    @Test
    fun `elements without a place must fit, too`() {
        val faults = mapOf(
            "scale" to "the normalization of norm.running_var yields weights that do not fit into f32",
            "large" to "fc.weight has elements that do not fit into f32",
            "tied" to "fc.weight and head.weight are one tensor in the model, but differ in the file",
            "bits" to "fc.weight and head.weight are one tensor in the model, but differ in the file"
        )
        for ((name, problem) in faults) {
            val fault = fault(bytes("partial.frt"), bytes("unplaced/$name.frz"))
            assertEquals(Kind.MISMATCH, fault.kind, name)
            assertTrue(problem in fault.message!!, "$name: ${fault.message}")
        }
        val first = fill(template, weights).getFloat(LITERAL)
        assertEquals(first, fill(bytes("partial.frt"), weights).getFloat(0))
    }

    @Test
    fun `memory use is bounded`() {
        val options = FrzLoadOptions.builder().memoryBudget(2000).build()
        val fault = assertThrows(FrzException::class.java) { fill(bytes("tiny.pte.frt"), bytes("tiny.frz"), options) }
        assertEquals(ErrorCode.BUDGET, fault.code)
    }

    @Test
    fun `the parts of normalizations count toward the budget`() {
        val options = FrzLoadOptions.builder().memoryBudget(0).build()
        val fault = assertThrows(FrzException::class.java) { fill(template, weights, options) }
        FrzFile.open(weights).use { file ->
            val small = listOf("weight", "bias", "running_mean", "running_var").sumOf { file.tensor("norm.$it").bytes }
            val largest = file.tensors.maxOf { it.bytes }
            val scale = Double.SIZE_BYTES * file.tensor("norm.weight").elements
            val needed = bytes("synthetic.bin").size + COPIES * largest + small + scale
            assertTrue("take $needed bytes" in fault.message!!, "$needed: ${fault.message}")
        }
    }

    @Test
    fun `every altered byte and every truncation is found`() {
        for (i in template.indices) {
            val altered = template.clone().also { it[i] = (it[i].toInt() xor 4).toByte() }
            assertEquals(Kind.SKELETON_DAMAGED, fault(altered).kind)
            assertEquals(Kind.SKELETON_DAMAGED, fault(template.copyOf(i)).kind)
        }
    }

    @Test
    fun `malformed templates with a valid seal are refused`() {
        checkAlteredMaps()
        val content = inflated(template)
        val faults = mapOf(
            "ends too early" to template(content.copyOf(content.size - 1), mapSize),
            "does not end where it should" to template(content + 1, mapSize),
            "is malformed" to sealed(template.copyOf(HEADER) + ByteArray(20) { -1 }),
            "map is larger" to template(content, (1 shl 22) + 1),
            "its map is larger" to template(content, -1)
        )
        for ((problem, faulty) in faults) {
            val fault = fault(faulty)
            assertEquals(Kind.SKELETON_DAMAGED, fault.kind, problem)
            assertTrue(problem in fault.message!!, fault.message)
        }
        assertEquals(Kind.SKELETON_UNSUPPORTED, fault(sealed("another".toByteArray())).kind)
        val later = template.copyOf(template.size - SEAL).also { it[VERSION] = 2 }
        assertTrue("it has version 2, not 1" in fault(sealed(later)).message!!)
    }

    @Test
    fun `files are filled once and verified on each use`(@TempDir folder: File) {
        val cache = File(folder, "cache")
        fun filled(name: String = "tiny.frz") = FrzTemplate.fileLoader(
            FrzPart.of(bytes(if (name == "tiny.frz") "tiny.pte.frt" else "synthetic.frt")),
            FrzPart.of(bytes(name)),
            cache
        ).load()
        val file = filled()
        assertArrayEquals(bytes("tiny.pte"), file.readBytes())
        val inode = Files.getAttribute(Paths.get(file.path), "unix:ino")
        assertEquals(file, filled())
        assertEquals(inode, Files.getAttribute(Paths.get(file.path), "unix:ino"))
        file.writeBytes(file.readBytes().also { it[100] = (it[100] + 1).toByte() })
        assertArrayEquals(bytes("tiny.pte"), filled().readBytes())
        file.writeBytes(ByteArray(3))
        assertArrayEquals(bytes("tiny.pte"), filled().readBytes())
        assertTrue(filled("synthetic.frz").readBytes().contentEquals(bytes("synthetic.bin")))
        assertTrue(filled("half.frz").readBytes().contentEquals(bytes("half.bin")))
        assertEquals(3, cache.list()!!.size)
    }

    @Test
    fun `leftover files are deleted, and faults leave none`(@TempDir folder: File) {
        val old = File(folder, "filled-1.partial").apply { writeText("") }
        val unused = File(folder, "filled-${"0a".repeat(32)}-0123abcd").apply { writeText("") }
        val foreign = File(folder, "filled-form").apply { writeText("mine") }
        val recent = File(folder, "filled-3.partial").apply { writeText("") }
        old.setLastModified(1)
        unused.setLastModified(1)
        foreign.setLastModified(1)
        FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), folder).load()
        assertTrue(!old.exists() && !unused.exists() && recent.exists() && foreign.exists())
        val count = folder.list()!!.size
        val damaged = weights.clone().also { it[it.size - 5] = (it[it.size - 5] + 1).toByte() }
        assertThrows(FrzException::class.java) {
            FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(damaged), folder).load()
        }
        assertEquals(count, folder.list()!!.size)
        val file = File(folder, "file").apply { writeText("") }
        val fault = assertThrows(FrzLoadException::class.java) {
            FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), file).load()
        }
        assertEquals(Kind.CACHE, fault.kind)
    }

    @Test
    fun `an interrupt cancels filling`(@TempDir folder: File) {
        Thread.currentThread().interrupt()
        try {
            val fault = assertThrows(FrzLoadException::class.java) {
                FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), folder).load()
            }
            assertEquals(Kind.CANCELLED, fault.kind)
        } finally {
            Thread.interrupted()
        }
        assertEquals(0, folder.list()!!.size)
    }

    private companion object {
        /** Tied copies are compared, so two tensors are in memory. */
        const val COPIES = 2
        const val VERSION = 4

        /** The number of literal bytes before the first place. */
        const val LITERAL = 41
    }
}
