package io.frz.onnxruntime

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicReference
import kotlin.concurrent.thread
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that networks run with weights as inputs, that the weights are not copied, and that closing frees them. */
class InputsTest : OnRuntime() {
    private val skeleton = bytes("tiny.inputs.onnx")
    private val weights = bytes("tiny.frz")

    private fun load(
        skeleton: ByteArray = this.skeleton,
        weights: ByteArray = this.weights,
        options: FrzLoadOptions = FrzLoadOptions.DEFAULT
    ) = FrzSession.loaderOf(FrzPart.of(skeleton), FrzPart.of(weights)).load(options)

    private fun fault(skeleton: ByteArray, weights: ByteArray = this.weights): FrzLoadException =
        assertThrows(FrzLoadException::class.java) { load(skeleton, weights).close() }

    private fun FrzSession.outputs() = outputs("tiny") { run(mapOf("x" to it)) }

    private fun withSession(use: (FrzSession) -> Unit) = load().use(use)

    @Test
    fun `networks return the same outputs as in PyTorch`() {
        check(load(bytes("lenet5.inputs.onnx"), lenet5.readBytes()), "lenet5")
        for (weights in listOf("tiny.frz", "wide.frz")) check(load(weights = bytes(weights)), "tiny")
    }

    @Test
    fun `a session runs any number of times, with or without options`() = withSession { session ->
        val expected = session.outputs()
        assertEquals(expected, session.outputs())
        val names = session.session.outputNames
        OrtSession.RunOptions().use { options ->
            options.setTerminate(true)
            assertEquals(expected, outputs("tiny") { session.run(mapOf("x" to it), names) })
            val thrown = assertThrows(OrtException::class.java) {
                outputs("tiny") { session.run(mapOf("x" to it), names, options) }
            }
            assertTrue("terminate" in thrown.message!!, thrown.message)
        }
    }

    @Test
    fun `closing waits for runs, and later runs are refused`() {
        val expected = load().use { it.outputs() }
        repeat(20) {
            val session = load()
            val names = session.session.outputNames
            val started = CountDownLatch(1)
            val end = AtomicReference<Throwable>()
            val runner = thread {
                while (end.get() == null) {
                    try {
                        assertEquals(expected, outputs("tiny") { session.run(mapOf("x" to it), names) })
                    } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
                        end.set(e)
                    }
                    started.countDown()
                }
            }
            assertTrue(started.await(20, TimeUnit.SECONDS))
            session.close()
            withSession { assertEquals(expected, it.outputs()) }
            runner.join(20_000)
            assertEquals("the session has been closed", end.get()?.message)
        }
    }

    @Test
    fun `closed inputs do not reach native code`() = withSession { session ->
        lateinit var closed: OnnxTensor
        outputs("tiny") { session.run(mapOf("x" to it)).also { _ -> closed = it } }
        val refused = assertThrows(IllegalArgumentException::class.java) { session.run(mapOf("x" to closed)) }
        assertEquals("x: the tensor has been closed", refused.message)
    }

    @Test
    fun `closed options do not reach native code`() = withSession { session ->
        val options = OrtSession.RunOptions().also { it.close() }
        val names = session.session.outputNames
        val refused = assertThrows(IllegalArgumentException::class.java) {
            outputs("tiny") { session.run(mapOf("x" to it), names, options) }
        }
        assertEquals("the options of the run have been closed", refused.message)
        val closing = FrzSessionSetup { it.close() }
        for (name in listOf("tiny.inputs.onnx", "tiny.onnx")) {
            val loader = FrzSession.loaderOf(FrzPart.of(bytes(name)), FrzPart.of(weights), closing)
            assertThrows(IllegalStateException::class.java) { loader.load().close() }
        }
    }

    @Test
    fun `weights, unknown inputs and missing inputs are refused`() = withSession { session ->
        assertEquals(setOf("x"), session.inputNames)
        assertEquals(session.session.inputNames - "x", session.weights.keys)
        val weight = session.weights.getValue("again.weight")
        val given = assertThrows(IllegalArgumentException::class.java) {
            outputs("tiny") { session.run(mapOf("x" to it, "again.weight" to weight)) }
        }
        assertEquals("again.weight: the session already has these weights; omit them", given.message)
        val unknown = assertThrows(OrtException::class.java) { outputs("tiny") { session.run(mapOf("y" to it)) } }
        assertTrue("y" in unknown.message!!, unknown.message)
        assertThrows(OrtException::class.java, { session.run(emptyMap<String, OnnxTensor>()).close() }, "none")
    }

    @Test
    fun `ONNX Runtime reads the weights where they were rebuilt`() = withSession { session ->
        val before = session.outputs()
        val bias = session.weights.getValue("again.bias")
        val elements = bias.bufferRef.get() as ByteBuffer
        assertTrue(elements.isDirect)
        assertFalse(bias.ownsBuffer())
        for (i in 0 until elements.capacity() / Float.SIZE_BYTES) elements.putFloat(Float.SIZE_BYTES * i, 1e3f)
        assertNotEquals(before, session.outputs())
    }

    @Test
    fun `closing frees the session and the weights`() {
        val session = load()
        val tensors = session.weights.values.toList()
        assertTrue(tensors.isNotEmpty())
        session.close()
        assertTrue(tensors.all { it.isClosed })
        assertThrows(IllegalStateException::class.java) { session.outputs() }
        session.close()
    }

    @Test
    fun `the weights must fit the skeleton, and both must be intact`() {
        val other = fault(skeleton, bytes("other.frz"))
        assertEquals(Kind.MISMATCH, other.kind)
        assertTrue("missing from the file: " in other.message!!, other.message)
        assertTrue("not in the model: weight, bias" in other.message!!, other.message)
        for (at in skeleton.indices step 7) {
            val bad = skeleton.clone().also { it[at] = (it[at].toInt() xor 1).toByte() }
            assertEquals(Kind.SKELETON_DAMAGED, fault(bad).kind, "byte $at")
            assertEquals(Kind.SKELETON_DAMAGED, fault(skeleton.copyOf(at)).kind, "$at")
        }
        for (at in weights.indices step 7) {
            val bad = weights.clone().also { it[at] = (it[at].toInt() xor 1).toByte() }
            assertThrows(FrzException::class.java, { load(weights = bad).close() }, "byte $at")
        }
    }

    @Test
    fun `a budget counts the weights once, and conversions in addition`() {
        fun load(bytes: Int, weights: String) {
            val options = FrzLoadOptions.builder().memoryBudget(bytes.toLong()).build()
            load(weights = bytes(weights), options = options).close()
        }
        val small = "tiny.frz"
        load(TINY_BYTES + SMALLEST_BUDGET, small)
        val refused = assertThrows(FrzException::class.java) { load(TINY_BYTES - 1, small) }
        assertEquals(ErrorCode.BUDGET, refused.code)
        assertTrue(" $TINY_BYTES bytes" in refused.message!!, refused.message)
        val converting = assertThrows(FrzException::class.java) { load(TINY_BYTES, "wide.frz") }
        // A tied weight is stored twice; the copies are compared in memory of their own.
        assertTrue(" ${TINY_BYTES + 2 * 4 * 8 * 8} bytes" in converting.message!!, converting.message)
        val weights = lenet5.readBytes()
        val options = FrzLoadOptions.builder().memoryBudget(3 shl 20).build()
        check(load(bytes("lenet5.inputs.onnx"), weights, options), "lenet5")
        assertThrows(FrzException::class.java) { load(bytes("lenet5.onnx"), weights, options) }
    }

    @Test
    fun `weights can be kept in files, none of which remain`(@TempDir folder: File) {
        val options = FrzLoadOptions.builder().scratch(folder).build()
        check(load(options = options), "tiny")
        check(load(bytes("lenet5.inputs.onnx"), lenet5.readBytes(), options), "lenet5")
        assertEquals(0, folder.list()!!.size)
    }

    @Test
    fun `skeletons that ONNX Runtime cannot run are refused`() {
        val renamed = String(skeleton.copyOf(skeleton.size - SEAL_BYTES), Charsets.ISO_8859_1)
        val unknown = sealed(renamed.replace("Relu", "Rule").toByteArray(Charsets.ISO_8859_1))
        val kinds = setOf(Kind.SKELETON_UNSUPPORTED, Kind.RUNTIME_FAILED)
        assertTrue(fault(unknown).kind in kinds)
        val lacking = sealed(renamed.replace("frz.inputs", "frz.inputz").toByteArray(Charsets.ISO_8859_1))
        assertEquals(Kind.MISMATCH, fault(lacking).kind)
        val wrong = sealed(renamed.replace("shorts\n", "shortz\n").toByteArray(Charsets.ISO_8859_1))
        assertEquals(Kind.SKELETON_UNSUPPORTED, fault(wrong).kind)
    }

    private companion object {
        const val SMALLEST_BUDGET = 1 shl 16
    }
}
