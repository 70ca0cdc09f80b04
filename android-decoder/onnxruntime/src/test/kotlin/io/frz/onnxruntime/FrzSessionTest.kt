package io.frz.onnxruntime

import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.lang.reflect.InvocationTargetException
import java.net.URL
import java.net.URLClassLoader
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/**
 * Checks that networks whose weights are initializers return the expected results, and that faulty input is rejected.
 */
class FrzSessionTest : OnRuntime() {
    private val skeleton = bytes("tiny.onnx")
    private val weights = bytes("tiny.frz")

    private fun load(skeleton: ByteArray, weights: ByteArray, options: FrzLoadOptions = FrzLoadOptions.DEFAULT) =
        FrzSession.loaderOf(FrzPart.of(skeleton), FrzPart.of(weights)).load(options)

    private fun fault(skeleton: ByteArray, weights: ByteArray = this.weights): FrzLoadException =
        assertThrows(FrzLoadException::class.java) { load(skeleton, weights).close() }

    @Test
    fun `LeNet-5 returns the same outputs as in PyTorch, with rebuilt weights and with coefficients`() {
        for (name in listOf("lenet5.onnx", "lenet5.factored.onnx")) {
            check(FrzSession.loaderOf(part(name), FrzPart.of(lenet5)).load(), "lenet5")
        }
    }

    @Test
    fun `layers that loop over rows return the same outputs as in PyTorch`() {
        assertTrue("Loop" in String(bytes("rows.onnx"), Charsets.ISO_8859_1))
        check(load(bytes("rows.onnx"), bytes("rows.frz")), "rows")
    }

    @Test
    fun `weights of every type are used directly or converted`() {
        check(load(skeleton, weights), "tiny")
        check(load(skeleton, bytes("wide.frz")), "tiny")
    }

    @Test
    fun `initializers are not inputs`() = load(skeleton, weights).use { session ->
        assertTrue(session.weights.isEmpty())
        assertEquals(session.session.inputNames, session.inputNames)
    }

    @Test
    fun `session options can be configured, and progress is reported`() {
        val seen = ArrayList<Pair<Long, Long>>()
        val options = FrzLoadOptions.builder().verify(true).progress { done, total -> seen += done to total }.build()
        var isSetUp = false
        val session = FrzSession.loaderOf(part("tiny.onnx"), part("tiny.frz")) {
            it.setIntraOpNumThreads(1)
            isSetUp = true
        }.load(options)
        check(session, "tiny")
        assertTrue(isSetUp)
        assertEquals(0L, seen.first().first)
        assertEquals(seen.last().second, seen.last().first)
        assertEquals(seen.map { it.first }.sorted(), seen.map { it.first })
        val refused = assertThrows(FrzLoadException::class.java) {
            FrzSession.loaderOf(part("tiny.onnx"), part("tiny.frz")) { throw OrtException("no such provider") }.load()
        }
        assertEquals(Kind.RUNTIME_FAILED, refused.kind)
        assertTrue("no such provider" in refused.message!!, refused.message)
    }

    @Test
    fun `missing native libraries are reported`() {
        val architecture = System.setProperty("os.arch", "riscv64")
        try {
            checkMissing { true }
        } finally {
            System.setProperty("os.arch", architecture)
        }
    }

    @Test
    fun `missing classes are reported`() {
        val runtime = OrtSession::class.java.protectionDomain.codeSource.location
        checkMissing { it != runtime }
    }

    /** Checks that loading reports a missing runtime, with only those parts of the class path that are [present]. */
    private fun checkMissing(present: (URL) -> Boolean) {
        val path = System.getProperty("java.class.path").split(File.pathSeparator).map { File(it).toURI().toURL() }
        val loader = URLClassLoader(path.filter(present).toTypedArray(), null)
        val run = loader.loadClass(Loading::class.java.name).getMethod("run")
        repeat(2) {
            val thrown = assertThrows(InvocationTargetException::class.java) { run.invoke(null) }
            assertTrue("RUNTIME_MISSING" in thrown.cause!!.message.orEmpty(), thrown.cause.toString())
        }
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
    fun `the decoder reports every cut and every flipped byte of weights`() {
        for (size in weights.indices) {
            assertThrows(FrzException::class.java, { load(skeleton, weights.copyOf(size)).close() }, "$size")
        }
        for (at in weights.indices) {
            val bad = weights.clone().also { it[at] = (it[at].toInt() xor (1 shl at % Byte.SIZE_BITS)).toByte() }
            assertThrows(FrzException::class.java, { load(skeleton, bad).close() }, "byte $at")
        }
    }

    @Test
    fun `swapped parts are recognized`() {
        assertEquals(Kind.SKELETON_DAMAGED, fault(weights, skeleton).kind)
        val magic = assertThrows(FrzException::class.java) { load(skeleton, skeleton) }
        assertEquals(ErrorCode.MAGIC, magic.code)
    }

    @Test
    fun `parts of different networks do not fit, and the message says why`() {
        val other = fault(skeleton, bytes("other.frz"))
        assertEquals(Kind.MISMATCH, other.kind)
        assertTrue("missing from the file: binary16" in other.message!!, other.message)
        assertTrue("not in the model: weight, bias" in other.message!!, other.message)
        assertTrue("\n" !in other.message!!, other.message)
        val lenet5 = fault(bytes("lenet5.factored.onnx"), weights)
        assertEquals(Kind.MISMATCH, lenet5.kind)
    }

    @Test
    fun `all copies of a tied weight must fit`() {
        val faults = mapOf("longer" to "shape [16, 8] in the file", "integers" to "i64 in the file, f32 in the model")
        for ((name, problem) in faults) {
            val fault = fault(skeleton, bytes("$name.frz"))
            assertEquals(Kind.MISMATCH, fault.kind)
            assertTrue(problem in fault.message!!, fault.message)
        }
    }

    @Test
    fun `intact files that are not skeletons are refused`() {
        assertEquals(Kind.SKELETON_UNSUPPORTED, fault(sealed(ByteArray(1000) { it.toByte() })).kind)
        for (size in 0 until skeleton.size - 22 step 13) {
            val cut = fault(sealed(skeleton.copyOf(size)))
            assertTrue(cut.kind == Kind.SKELETON_UNSUPPORTED || cut.kind == Kind.MISMATCH, cut.message)
        }
        val kinds = setOf(Kind.SKELETON_UNSUPPORTED, Kind.RUNTIME_FAILED, Kind.MISMATCH)
        val empty = assertThrows(FrzLoadException::class.java) { load(sealed(ByteArray(0)), bytes("other.frz")) }
        assertTrue(empty.kind in kinds, empty.message)
    }

    @Test
    fun `the decoder reports a missing tier`() {
        val missing = assertThrows(FrzException::class.java) {
            load(skeleton, weights, FrzLoadOptions.builder().tier(1).build())
        }
        assertEquals(ErrorCode.TIER, missing.code)
    }

    @Test
    fun `a budget covers the weights and their copies`() {
        fun load(bytes: Long, weights: String) =
            load(skeleton, bytes(weights), FrzLoadOptions.builder().memoryBudget(bytes).build()).close()
        for (name in listOf("tiny.frz", "wide.frz")) {
            val needed = 4L * TINY_BYTES
            load(maxOf(needed, 1L shl 16), name)
            val refused = assertThrows(FrzException::class.java) { load(needed - 1, name) }
            assertEquals(ErrorCode.BUDGET, refused.code)
        }
        val lenet5 = assertThrows(FrzException::class.java) {
            load(bytes("lenet5.onnx"), lenet5.readBytes(), FrzLoadOptions.builder().memoryBudget(1 shl 20).build())
        }
        assertEquals(ErrorCode.BUDGET, lenet5.code)
    }

    @Test
    fun `weights are rebuilt in files on request`(@TempDir folder: File) {
        val options = FrzLoadOptions.builder().scratch(folder).build()
        for (weights in listOf("tiny.frz", "wide.frz")) check(load(skeleton, bytes(weights), options), "tiny")
        check(load(bytes("lenet5.onnx"), lenet5.readBytes(), options), "lenet5")
        assertEquals(0, folder.list()!!.size)
    }
}

/** Loads a session. Called from another class loader. */
internal object Loading {
    @JvmStatic
    fun run() = FrzSession.loaderOf(
        FrzPart.of(File("src/test/resources/tiny.onnx")),
        FrzPart.of(File("src/test/resources/tiny.frz"))
    ).load().close()
}
