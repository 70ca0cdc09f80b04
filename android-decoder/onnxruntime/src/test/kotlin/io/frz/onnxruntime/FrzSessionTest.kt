package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtSession
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.onnxruntime.FrzSessionException.Kind
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What ONNX Runtime computes with decoded weights, and what is refused. */
class FrzSessionTest {
    private val environment = OrtEnvironment.getEnvironment()
    private val skeleton = bytes("tiny.onnx")
    private val weights = bytes("tiny.frz")
    private val lenet5 = File("../../examples/lenet5.frz")

    private fun resource(name: String) = File("src/test/resources/$name")

    private fun bytes(name: String) = resource(name).readBytes()

    private fun load(skeleton: ByteArray, weights: ByteArray, options: FrzOptions = FrzOptions.DEFAULT): OrtSession =
        FrzFile.open(weights, options).use { FrzSession.load(environment, skeleton, it) }

    private fun fault(skeleton: ByteArray, weights: ByteArray = this.weights): FrzSessionException =
        assertThrows(FrzSessionException::class.java) { load(skeleton, weights).close() }

    private fun sealed(bytes: ByteArray): ByteArray {
        val marked = bytes + byteArrayOf(-6, -1, 3, 18) + "frz:crc32:".toByteArray()
        return marked + "%08x".format(CRC32().apply { update(marked) }.value).toByteArray()
    }

    /** The elements and the shape of an array of float32 in the format of NumPy. */
    private fun npy(name: String): Pair<FloatBuffer, LongArray> {
        val memory = ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN)
        val header = memory.getShort(8).toInt()
        val shape = Regex("\\(([\\d, ]+)\\)").find(String(memory.array(), 10, header))!!.groupValues[1]
        memory.position(10 + header)
        val lengths = shape.split(",").filter { it.isNotBlank() }.map { it.trim().toLong() }
        return memory.slice().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer() to lengths.toLongArray()
    }

    private fun check(session: OrtSession, name: String, slack: Float = 1e-4f) {
        val (input, shape) = npy("$name.input.npy")
        val (expected, _) = npy("$name.expected.npy")
        session.use {
            OnnxTensor.createTensor(environment, input, shape).use { x ->
                it.run(mapOf(it.inputNames.single() to x)).use { result ->
                    val found = (result[0] as OnnxTensor).floatBuffer
                    assertEquals(expected.remaining(), found.remaining())
                    while (found.hasRemaining()) assertEquals(expected.get(), found.get(), slack)
                }
            }
        }
    }

    @Test
    fun `LeNet-5 computes what PyTorch does, rebuilt and on its coefficients`() {
        for (name in listOf("lenet5.onnx", "lenet5.factored.onnx")) {
            check(FrzSession.load(environment, resource(name), lenet5), "lenet5")
        }
    }

    @Test
    fun `weights of every type, as they are stored and converted`() {
        check(load(skeleton, weights), "tiny")
        check(load(skeleton, bytes("wide.frz")), "tiny")
    }

    @Test
    fun `options are the caller's, and progress is told`() {
        val told = ArrayList<Pair<Long, Long>>()
        OrtSession.SessionOptions().use { options ->
            options.setIntraOpNumThreads(1)
            FrzFile.open(weights).use {
                val session = FrzSession.load(environment, skeleton, it, options) { done, total ->
                    told += done to total
                }
                check(session, "tiny")
            }
        }
        assertEquals(0L, told.first().first)
        assertEquals(told.last().second, told.last().first)
        assertEquals(told.map { it.first }.sorted(), told.map { it.first })
    }

    @Test
    fun `every cut and every flipped bit of a skeleton is found before native code sees it`() {
        for (size in skeleton.indices) assertEquals(Kind.SKELETON_DAMAGED, fault(skeleton.copyOf(size)).kind, "$size")
        for (at in skeleton.indices) {
            for (bit in 0 until Byte.SIZE_BITS) {
                val bad = skeleton.clone().also { it[at] = (it[at].toInt() xor (1 shl bit)).toByte() }
                assertEquals(Kind.SKELETON_DAMAGED, fault(bad).kind, "bit $bit of byte $at")
            }
        }
    }

    @Test
    fun `every cut of weights is an error of the decoder`() {
        for (size in weights.indices) {
            assertThrows(FrzException::class.java, { load(skeleton, weights.copyOf(size)).close() }, "$size")
        }
    }

    @Test
    fun `parts of different networks do not fit, and the message says in what`() {
        val other = fault(skeleton, bytes("other.frz"))
        assertEquals(Kind.MISMATCH, other.kind)
        assertTrue("missing from the file: binary16" in other.message!!, other.message)
        assertTrue("not in the model: weight, bias" in other.message!!, other.message)
        assertTrue("\n" !in other.message!!, other.message)
        val lenet5 = fault(bytes("lenet5.factored.onnx"), weights)
        assertEquals(Kind.MISMATCH, lenet5.kind)
    }

    @Test
    fun `whole files that are no skeletons are refused`() {
        assertEquals(Kind.SKELETON_UNSUPPORTED, fault(sealed(ByteArray(1000) { it.toByte() })).kind)
        for (size in 0 until skeleton.size - 22 step 13) {
            val cut = fault(sealed(skeleton.copyOf(size)))
            assertTrue(cut.kind == Kind.SKELETON_UNSUPPORTED || cut.kind == Kind.MISMATCH, cut.message)
        }
        val kinds = setOf(Kind.SKELETON_UNSUPPORTED, Kind.RUNTIME_FAILED, Kind.MISMATCH)
        val empty = assertThrows(FrzSessionException::class.java) { load(sealed(ByteArray(0)), bytes("other.frz")) }
        assertTrue(empty.kind in kinds, empty.message)
    }

    @Test
    fun `another tier than there is, and too small a budget, are errors of the decoder`() {
        assertThrows(FrzException::class.java) {
            load(skeleton, weights, FrzOptions.builder().tier(1).build())
        }
        assertThrows(FrzException::class.java) {
            load(bytes("lenet5.onnx"), lenet5.readBytes(), FrzOptions.builder().memoryBudget(1000).build())
        }
    }

    @Test
    fun `an interrupt cancels, and the thread stays interrupted`() {
        try {
            FrzFile.open(weights).use {
                Thread.currentThread().interrupt()
                val cancelled = assertThrows(FrzSessionException::class.java) {
                    FrzSession.load(environment, skeleton, it)
                }
                assertEquals(Kind.CANCELLED, cancelled.kind)
            }
        } finally {
            assertTrue(Thread.interrupted())
        }
    }
}
