package io.frz

import io.frz.FrzBuilder.Companion.DCT
import io.frz.internal.container.DirectoryField.ALIASES
import io.frz.internal.container.DirectoryField.METADATA
import io.frz.internal.container.GroupField.BASES
import io.frz.internal.container.GroupField.CODER
import io.frz.internal.container.GroupField.DTYPE
import io.frz.internal.container.GroupField.KEPT
import io.frz.internal.container.GroupField.NAMES
import io.frz.internal.container.GroupField.SHAPES
import java.io.ByteArrayInputStream
import java.io.File
import java.io.FileNotFoundException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Makes requests to an open file, as an app would. */
class RequestTest {
    private val bytes = FrzBuilder()
        .spectrum("conv", listOf(8, 4), floatArrayOf(8f, 1f, 2f))
        .plain("step", DType.I64, listOf(), ByteArray(8) { (it + 1).toByte() })
        .group(
            mapOf(
                DTYPE to 11,
                NAMES to listOf(0, "b.0", 2, "1", 2, "2"),
                SHAPES to listOf(listOf(2), listOf(0), listOf(1)),
                CODER to 0
            ),
            FrzBuilder.floats(1f, 2f, 3f)
        )
        .with(METADATA, mapOf("license" to "MIT"))
        .with(ALIASES, listOf(listOf("tied", "conv")))
        .build()

    private fun budget(bytes: Long) = FrzOptions.builder().memoryBudget(bytes).build()

    @Test
    fun `everything is listed without decoding`() {
        val damaged = bytes.clone().also { it[it.size - 1]++ }
        val file = FrzFile.open(damaged)
        assertEquals(listOf("conv", "step", "b.0", "b.1", "b.2"), file.tensors.map { it.name })
        assertEquals(listOf(1, 1, 3), file.groups.map { it.tensors.size })
        assertEquals(listOf(12L, 8L, 12L), file.groups.map { it.storedBytes })
        val conv = file.tensor("conv")
        assertEquals("conv f32 (8,4)", conv.toString())
        assertEquals(listOf(32L, 128L), listOf(conv.elements, conv.bytes))
        assertEquals(listOf(BasisKind.DCT, BasisKind.DCT), conv.bases)
        assertEquals(listOf(2L, 2L), conv.box.toList())
        assertEquals(3, conv.kept)
        assertEquals(listOf<Any?>(null, null, null), conv.run { listOf(format, view, step) })
        val step = file.tensor("step")
        assertEquals(Coder.NONE, step.coder)
        assertEquals(listOf<Any?>(null, null, null), step.run { listOf(format, view, kept) })
        assertEquals(listOf(emptyList<Any>(), emptyList<Any>()), step.run { listOf(keptByTier, corners) })
        assertEquals(2, file.tensor("b.2").group)
        refused(ErrorCode.CHECKSUM) { file.verify() }
        assertEquals(32, file.load("conv").floats().size)
        assertEquals("b.0", refused(ErrorCode.CHECKSUM) { file.load("b.2") }.tensor)
    }

    @Test
    fun `all sources yield the same tensors`(@TempDir folder: File) {
        val path = File(folder, "m.frz").apply { writeBytes(bytes) }
        val direct = ByteBuffer.allocateDirect(bytes.size + 5).apply { position(3) }
        direct.put(bytes).flip().position(3)
        val files = listOf(
            FrzFile.open(path),
            FrzFile.open(bytes),
            FrzFile.open(direct),
            FrzFile.open(ByteArrayInputStream(bytes))
        )
        val weights = files.first().load("conv").floats()
        for (file in files) {
            file.verify()
            assertArrayEquals(weights, file.load("conv").floats())
            assertEquals(mapOf("license" to "MIT"), file.metadata)
            file.close()
        }
        assertEquals(3, direct.position())
        for (file in files) {
            val thrown = assertThrows(IllegalStateException::class.java) { file.load("step") }
            assertEquals("closed", thrown.message)
        }
        assertThrows(FileNotFoundException::class.java) { FrzFile.open(File(folder, "none.frz")) }
        path.writeBytes(bytes.copyOf(7))
        refused(ErrorCode.TRUNCATED) { FrzFile.open(path) }
    }

    @Test
    fun `a file that shrinks while open is reported as truncated`(@TempDir folder: File) {
        val path = File(folder, "m.frz").apply { writeBytes(bytes) }
        FrzFile.open(path).use { file ->
            path.writeBytes(bytes.copyOf(bytes.size - 10))
            refused(ErrorCode.TRUNCATED) { file.load("b.2") }
        }
    }

    @Test
    fun `tensors are rebuilt in direct memory in native byte order`() {
        val tensor = FrzFile.open(bytes).load("conv")
        assertTrue(tensor.buffer.isDirect)
        assertEquals(ByteOrder.nativeOrder(), tensor.buffer.order())
        assertEquals(128, tensor.buffer.remaining())
        tensor.buffer.position(7)
        assertEquals(0, tensor.buffer.position())
        tensor.shape[0] = 99
        assertEquals(listOf(8L, 4L), tensor.shape.toList())
        assertEquals("conv f32 (8,4)", tensor.toString())
        assertEquals(0x0807060504030201L, FrzFile.open(bytes).load("step").buffer.getLong(0))
    }

    @Test
    fun `tensors are rebuilt in the caller's buffer`() {
        val file = FrzFile.open(bytes)
        val buffer = ByteBuffer.allocate(200)
        buffer.position(4)
        file.loadInto("conv", buffer)
        assertEquals(132, buffer.position())
        file.loadInto("b.0", buffer)
        assertEquals(140, buffer.position())
        val view = buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN)
        assertEquals(file.load("conv").floats()[31], view.getFloat(128))
        assertEquals(2f, view.getFloat(136))
        assertEquals(0, view.getInt(140))
        assertThrows(IllegalArgumentException::class.java) { file.loadInto("conv", buffer) }
    }

    @Test
    fun `tensors are loaded all together or one by one`() {
        val file = FrzFile.open(bytes)
        val all = file.loadAll()
        assertEquals(listOf("conv", "step", "b.0", "b.1", "b.2", "tied"), all.keys.toList())
        assertArrayEquals(all.getValue("conv").floats(), all.getValue("tied").floats())
        assertEquals("tied", file.load("tied").name)
        assertArrayEquals(floatArrayOf(3f), file.load("b.2").floats())
        val seen = ArrayList<String>()
        file.forEach { tensor ->
            seen.add(tensor.name)
            assertEquals(all.getValue(tensor.name).buffer, tensor.buffer)
        }
        assertEquals(listOf("conv", "step", "b.0", "b.1", "b.2"), seen)
    }

    @Test
    fun `tensors are rebuilt in the caller's memory`() {
        val file = FrzFile.open(bytes)
        val all = file.loadAll()
        val memory = ByteBuffer.allocateDirect(200)
        var start = 3
        val place = TensorMemory { info ->
            val target = memory.duplicate()
            target.position(start)
            start += info.bytes.toInt()
            target
        }
        val seen = ArrayList<FrzTensor>()
        file.forEach(place) { seen.add(it) }
        for (tensor in seen) assertEquals(all.getValue(tensor.name).buffer, tensor.buffer, tensor.name)
        val some = ArrayList<String>()
        file.forEach({ if (it.name in setOf("conv", "b.0")) null else ByteBuffer.allocateDirect(it.bytes.toInt()) }) {
            assertEquals(all.getValue(it.name).buffer, it.buffer, it.name)
            some.add(it.name)
        }
        assertEquals(listOf("step", "b.1", "b.2"), some)
        memory.position(3).limit(3 + 128)
        assertEquals(all.getValue("conv").buffer, memory.slice())
        assertThrows(IllegalArgumentException::class.java) {
            file.forEach({ ByteBuffer.allocate(it.bytes.toInt() - 1) }) { }
        }
    }

    @Test
    fun `requests for missing tensors fail with an explanation`() {
        val file = FrzFile.open(bytes)
        val thrown = refused(ErrorCode.NOT_FOUND) { file.load("conv\n") }
        val expected = "NOT_FOUND: the file contains 5 tensors, but none with this name (tensor \"conv\\u000a\")"
        assertEquals(expected, thrown.message)
        refused(ErrorCode.NOT_FOUND) { file.core("x") }
        for (number in listOf(-1, 0)) refused(ErrorCode.NOT_FOUND) { file.factor(number) }
    }

    @Test
    fun `cores are returned without their bases`() {
        val file = FrzFile.open(bytes)
        val core = file.core("tied")
        assertEquals("conv f32 (3)", core.toString())
        core.buffer.putFloat(0, 0f)
        assertArrayEquals(floatArrayOf(8f, 1f, 2f), file.core("conv").floats())
        assertEquals("step i64 ()", file.core("step").toString())
        assertArrayEquals(file.load("b.2").floats(), file.core("b.2").floats())
    }

    @Test
    fun `requests beyond the budget are refused before memory is allocated`() {
        refused(ErrorCode.BUDGET) { FrzFile.open(bytes, budget(100)).load("conv") }
        refused(ErrorCode.BUDGET) { FrzFile.open(bytes, budget(150)).load("conv") }
        assertEquals(8, FrzFile.open(bytes, budget(8)).load("step").buffer.remaining())
        refused(ErrorCode.BUDGET) { FrzFile.open(bytes, budget(147)).loadAll() }
        assertEquals(6, FrzFile.open(bytes, budget(1000)).loadAll().size)
        refused(ErrorCode.BUDGET) { FrzFile.open(bytes, budget(127)).forEach { } }
        refused(ErrorCode.BUDGET) { FrzFile.open(bytes, budget(20)).core("conv") }
        refused(ErrorCode.BUDGET) { FrzFile.open(ByteArrayInputStream(bytes), budget(100)) }
        FrzFile.open(bytes, budget(0)).verify()
        FrzFile.open(bytes, budget(0)).tensors.forEach { it.box }
    }

    @Test
    fun `decompression bombs are listed, but refused on loading`() {
        val shapes = listOf(
            listOf(1 shl 24, 1 shl 24),
            listOf(1 shl 16, 1 shl 15),
            List(8) { 64 },
            listOf(Int.MAX_VALUE)
        )
        for (shape in shapes) {
            val file = FrzBuilder().spectrum("w", shape, floatArrayOf(1f)).build()
            assertTrue(file.size < 200)
            val frz = FrzFile.open(file, budget(Long.MAX_VALUE))
            assertArrayEquals(floatArrayOf(1f), frz.core("w").floats())
            frz.verify()
            refused(ErrorCode.BUDGET) { frz.load("w") }
            refused(ErrorCode.BUDGET) { frz.loadAll() }
            refused(ErrorCode.BUDGET) { frz.forEach { } }
            refused(ErrorCode.BUDGET) { FrzFile.open(file).load("w") }
        }
        val deflated = FrzBuilder.deflate(ByteArray(1000))
        val plain = FrzBuilder().plain("w", DType.C128, listOf(1 shl 30, 1 shl 18), deflated, CODER to 1).build()
        refused(ErrorCode.BUDGET) { FrzFile.open(plain, budget(Long.MAX_VALUE)).load("w") }
        refused(ErrorCode.STREAM) { FrzFile.open(plain).verify() }
    }

    @Test
    fun `time and memory grow no faster than the number of tensors`() {
        val count = 50_000
        val bytes = FrzBuilder().group(
            mapOf(
                DTYPE to 11,
                NAMES to List(count) { listOf(0, "$it") }.flatten(),
                SHAPES to List(count) { listOf(3) },
                BASES to DCT,
                KEPT to listOf(List(count) { 1 }),
                CODER to 0
            ),
            FrzBuilder.floats(*FloatArray(count) { it.toFloat() })
        ).build()
        assertProcessorTime(20) {
            val file = FrzFile.open(bytes)
            assertEquals(count, file.loadAll().size)
            file.verify()
            for (i in 0 until count) assertEquals(i.toFloat(), file.core("$i").floats().single())
        }
    }

    @Test
    fun `options are checked and copied`() {
        val options = FrzOptions.builder().threads(3).tier(1).memoryBudget(5).build()
        val copy = options.newBuilder().threads(2).build()
        assertEquals(2, copy.threads)
        assertEquals(1, copy.tier)
        assertEquals(5, copy.memoryBudget)
        assertEquals(null, FrzOptions.DEFAULT.tier)
        assertThrows(IllegalArgumentException::class.java) { FrzOptions.builder().threads(0) }
        assertThrows(IllegalArgumentException::class.java) { FrzOptions.builder().tier(-1) }
        assertThrows(IllegalArgumentException::class.java) { FrzOptions.builder().memoryBudget(-1) }
    }
}
