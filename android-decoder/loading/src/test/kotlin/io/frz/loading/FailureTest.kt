package io.frz.loading

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.loading.Fake.Companion.WIDE_BYTES
import io.frz.loading.Fake.Companion.fault
import io.frz.loading.Fake.Companion.load
import io.frz.loading.Fake.Companion.part
import io.frz.loading.Fake.Companion.resource
import io.frz.loading.Fake.Companion.sealed
import io.frz.loading.FrzLoadException.Kind
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.net.SocketTimeoutException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests what the exceptions of failed loads report. */
class FailureTest {
    private val options = FrzLoadOptions.builder()

    @Test
    fun `if memory runs out in a runtime, the load exceeds the budget`() {
        val hungry = object : FrzRuntime<Net> by Fake() {
            override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net =
                throw OutOfMemoryError("Java heap space")
        }
        val loader = FrzLoader(hungry, part("tiny.ptl"), part("tiny.frz"))
        val thrown = assertThrows(FrzException::class.java) { loader.load() }
        assertEquals(ErrorCode.BUDGET, thrown.code)
        assertTrue(thrown.cause is OutOfMemoryError)
    }

    @Test
    fun `what a listener throws reaches the caller unchanged`() {
        val (problem, cause) = "a fault of the app" to IOException("its cause")
        for (failure in listOf(
            OutOfMemoryError(problem),
            IOException(problem),
            FrzException(ErrorCode.VALUE, problem),
            FrzLoadException(Kind.MISMATCH, problem, cause),
            FrzLoadException(Kind.CACHE, problem),
            IllegalStateException(problem)
        )) {
            val listening = options.progress { done, _ -> if (done > 0) throw failure }.build()
            assertSame(failure, assertThrows(Throwable::class.java) { load(listening) })
            val replacing = assertThrows(Throwable::class.java) {
                FrzLoad.withWeights(part("wide.frz"), listening) { _, load -> load.report(1, 2) }
            }
            assertSame(failure, replacing)
            val interrupted = options.progress { _, _ -> throw failure.also { Thread.currentThread().interrupt() } }
            assertSame(failure, assertThrows(Throwable::class.java) { load(interrupted.build()) })
            assertTrue(Thread.interrupted())
        }
    }

    @Test
    fun `a runtime does not hide what a listener throws`() {
        val failure = IOException("a fault of the app")
        val hiding = object : FrzRuntime<Net> by Fake() {
            override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net = try {
                load.report(0, 1)
                Net(0)
            } catch (e: IOException) {
                throw FrzLoadException(Kind.RUNTIME_FAILED, "native code failed", e)
            }
        }
        val loader = FrzLoader(hiding, part("tiny.ptl"), part("tiny.frz"))
        val listening = options.progress { _, _ -> throw failure }.build()
        assertSame(failure, assertThrows(Throwable::class.java) { loader.load(listening) })
    }

    @Test
    fun `failures of a skeleton name it`() {
        val own = listOf(Kind.SKELETON_UNSUPPORTED, Kind.MISMATCH, Kind.SKELETON_DAMAGED, Kind.RUNTIME_FAILED)
        for (kind in own + Kind.CACHE) {
            val original = FrzLoadException(kind, "a problem", IOException("its cause"))
            val failing = object : FrzRuntime<Net> by Fake() {
                override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net = throw original
            }
            val skeleton = resource("tiny.ptl")
            val named = assertThrows(FrzLoadException::class.java) {
                FrzLoader(failing, FrzPart.of(skeleton), part("tiny.frz")).load()
            }
            val place = if (kind == Kind.CACHE) "" else "$skeleton: "
            assertEquals("$kind: ${place}a problem", named.message)
            assertEquals(kind to original.cause, named.kind to named.cause)
            assertEquals(original.stackTrace.toList(), named.stackTrace.toList())
            val unnamed = assertThrows(FrzLoadException::class.java) {
                FrzLoader(failing, FrzPart.of(skeleton.readBytes()), part("tiny.frz")).load()
            }
            assertEquals("$kind: a problem", unnamed.message)
        }
        val damaged = fault(part("tiny.frz")).message!!
        assertTrue(damaged.startsWith("SKELETON_DAMAGED: ${resource("tiny.frz")}: this is not an intact"), damaged)
    }

    @Test
    fun `failures of weights name them`(@TempDir folder: File) {
        val damaged = File(folder, "five.frz").apply { writeBytes(resource("tiny.frz").readBytes().copyOf(50)) }
        val thrown = assertThrows(FrzException::class.java) { load(options.build(), FrzPart.of(damaged)) }
        assertEquals(damaged.path, thrown.path)
        assertTrue(thrown.message!!.startsWith("$damaged: ${thrown.code}: "), thrown.message)
        val unnamed = assertThrows(FrzException::class.java) {
            load(options.build(), FrzPart.of(damaged.readBytes()))
        }
        assertNull(unnamed.path)
        assertEquals("$damaged: ${unnamed.message}", thrown.message)
        val small = options.memoryBudget(WIDE_BYTES).build()
        assertEquals(resource("wide.frz").path, assertThrows(FrzException::class.java) { load(small) }.path)
        val replaced = assertThrows(FrzException::class.java) {
            FrzLoad.withWeights(FrzPart.of(damaged), FrzLoadOptions.DEFAULT) { _, _ -> }
        }
        assertEquals(damaged.path, replaced.path)
        val misfit = assertThrows(FrzLoadException::class.java) {
            FrzLoad.withWeights(part("tiny.frz"), FrzLoadOptions.DEFAULT) { _, _ ->
                throw FrzLoadException(Kind.MISMATCH, "a problem")
            }
        }
        assertEquals("MISMATCH: ${resource("tiny.frz")}: a problem", misfit.message)
        val cause = FrzException(ErrorCode.VALUE, "a problem", "weight", 7, IOException("its cause"))
        cause.addSuppressed(IOException("another"))
        val named = cause.inFile("a.frz")
        assertEquals("a.frz: VALUE: a problem (tensor \"weight\", offset 7)", named.message)
        assertEquals(listOf(cause.cause, cause.stackTrace.toList()), listOf(named.cause, named.stackTrace.toList()))
        assertEquals(cause.suppressed.toList(), named.suppressed.toList())
        assertEquals("a.frz", named.inFile("b.frz").path)
    }

    @Test
    fun `parts that fail while they are read are named once`(@TempDir folder: File) {
        val failing = object : FrzRuntime<Net> by Fake() {
            override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net =
                throw IOException("input/output error")
        }
        val weights = resource("tiny.frz")
        val thrown = assertThrows(FrzLoadException::class.java) {
            FrzLoader(failing, part("tiny.ptl"), FrzPart.of(weights)).load()
        }
        assertEquals("UNREADABLE: $weights: the weights cannot be read: input/output error", thrown.message)
        val missing = fault(FrzPart.of(File(folder, "missing.ptl"))).message!!
        assertEquals(1, Regex.fromLiteral("missing.ptl").findAll(missing).count(), missing)
    }

    @Test
    fun `unreadable parts are named`() {
        val nothing = FrzPart.of(File("nothing"))
        for (missing in listOf(fault(nothing), fault(part("tiny.ptl"), nothing))) {
            assertEquals(Kind.UNREADABLE, missing.kind)
            assertTrue("nothing" in missing.message!!, missing.message)
        }
        for (failure in listOf(IOException("the line is down"), SocketTimeoutException("no byte for a minute"))) {
            val broken = object : InputStream() {
                override fun read(): Int = throw failure
            }
            val thrown = fault(part("tiny.ptl"), FrzPart.of(broken))
            assertEquals(Kind.UNREADABLE, thrown.kind)
            assertTrue(failure.message!! in thrown.message!!, thrown.message)
        }
    }

    @Test
    fun `a damaged skeleton does not reach the runtime`() {
        val skeleton = sealed(ByteArray(40) { it.toByte() })
        for (size in skeleton.indices) {
            assertEquals(Kind.SKELETON_DAMAGED, fault(FrzPart.of(skeleton.copyOf(size))).kind, "$size")
        }
        for (at in skeleton.indices) {
            val bad = skeleton.clone().also { it[at] = (it[at].toInt() xor 4).toByte() }
            assertEquals(Kind.SKELETON_DAMAGED, fault(FrzPart.of(bad)).kind, "$at")
        }
        val magic = assertThrows(FrzException::class.java) { load(options.build(), FrzPart.of(skeleton)) }
        assertEquals(ErrorCode.MAGIC, magic.code)
        assertEquals(Kind.SKELETON_DAMAGED, fault(part("tiny.frz"), FrzPart.of(skeleton)).kind)
    }
}
