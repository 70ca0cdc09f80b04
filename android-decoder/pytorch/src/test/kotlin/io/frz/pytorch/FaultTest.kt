package io.frz.pytorch

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzPart
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.net.URLClassLoader
import java.util.zip.CRC32
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that damaged, swapped and missing parts cause typed exceptions and never crash the process. */
class FaultTest : OnRuntime() {
    @TempDir
    lateinit var cache: File

    private val skeleton = resource("tiny.ptl").readBytes()
    private val weights = resource("tiny.frz").readBytes()

    private fun load(skeleton: ByteArray, weights: ByteArray) =
        FrzModule.loaderOf(FrzPart.of(skeleton), FrzPart.of(weights), cache).load().destroy()

    private fun fault(skeleton: ByteArray, weights: ByteArray = this.weights): FrzLoadException =
        assertThrows(FrzLoadException::class.java) { load(skeleton, weights) }

    private fun flipped(bytes: ByteArray, at: Int, bit: Int) =
        bytes.clone().also { it[at] = (it[at].toInt() xor (1 shl bit)).toByte() }

    /** Returns [bytes] with a valid seal. */
    private fun sealed(bytes: ByteArray): ByteArray {
        val marked = bytes + "frz:crc32:".toByteArray()
        return marked + "%08x".format(CRC32().apply { update(marked) }.value).toByteArray()
    }

    @Test
    fun `every cut and every flipped bit of a skeleton is found before native code sees it`() {
        for (size in skeleton.indices) assertEquals(Kind.SKELETON_DAMAGED, fault(skeleton.copyOf(size)).kind, "$size")
        for (at in skeleton.indices) {
            for (bit in 0 until Byte.SIZE_BITS) {
                assertEquals(Kind.SKELETON_DAMAGED, fault(flipped(skeleton, at, bit)).kind, "bit $bit of byte $at")
            }
        }
        assertEquals(0, cache.list()!!.size)
        load(skeleton, weights)
    }

    @Test
    fun `the decoder reports every cut and many flipped bits of weights`() {
        for (size in weights.indices) {
            assertThrows(FrzException::class.java, { load(skeleton, weights.copyOf(size)) }, "$size")
        }
        for (at in weights.indices) {
            assertThrows(FrzException::class.java, { load(skeleton, flipped(weights, at, at % 8)) }, "byte $at")
        }
        load(skeleton, weights)
    }

    @Test
    fun `parts of different networks do not fit`() {
        val other = resource("other.frz").readBytes()
        assertEquals(Kind.MISMATCH, fault(skeleton, other).kind)
        val lacking = fault(resource("other.ptl").readBytes(), resource("incomplete.frz").readBytes())
        assertEquals(Kind.MISMATCH, lacking.kind)
        assertTrue("conv.bias" in lacking.message!!, lacking.message)
        val shapes = fault(resource("other.ptl").readBytes(), weights)
        assertEquals(Kind.MISMATCH, shapes.kind)
        assertTrue("left over" in shapes.message!! && "\n" !in shapes.message!!, shapes.message)
    }

    @Test
    fun `coefficients of a different number or spectrum do not fit`() {
        val factored = resource("wide.factored.ptl")
        val low = FrzLoadOptions.builder().tier(0).build()
        val cases = mapOf(
            "first.weight has coefficients [50]; the model expects [200]" to ("wide.frz" to low),
            "second.weight in the form [512, 1024], but the file stores them in the form [1024, 512]" to
                ("turned.frz" to FrzLoadOptions.DEFAULT),
            "first.weight in the form [1024, 1024], but the file stores none" to
                ("plain.frz" to FrzLoadOptions.DEFAULT),
            "left over" to ("other.frz" to FrzLoadOptions.DEFAULT)
        )
        for ((text, given) in cases) {
            val (weights, options) = given
            val thrown = assertThrows(FrzLoadException::class.java) {
                FrzModule.loaderOf(factored, resource(weights)).load(options)
            }
            assertEquals(Kind.MISMATCH, thrown.kind)
            assertTrue(text in thrown.message!! && "\n" !in thrown.message!!, thrown.message)
            if (weights != "other.frz") assertTrue("export" in thrown.message!!, thrown.message)
        }
    }

    @Test
    fun `swapped parts are recognized`() {
        assertEquals(Kind.SKELETON_DAMAGED, fault(weights, skeleton).kind)
        val magic = assertThrows(FrzException::class.java) { load(skeleton, skeleton) }
        assertEquals(ErrorCode.MAGIC, magic.code)
    }

    @Test
    fun `intact files that are not skeletons are refused by the runtime`() {
        assertEquals(Kind.SKELETON_UNSUPPORTED, fault(sealed(ByteArray(0))).kind)
        assertEquals(Kind.SKELETON_UNSUPPORTED, fault(sealed(ByteArray(1000) { it.toByte() })).kind)
        val complete = fault(sealed(resource("complete.ptl").readBytes()))
        assertEquals(Kind.SKELETON_UNSUPPORTED, complete.kind)
        assertTrue("takes no weights" in complete.message!!, complete.message)
    }

    @Test
    fun `a type that the runtime does not support is named with its tensor`() {
        val complex = resource("complex.frz").readBytes()
        val refused = assertThrows(FrzException::class.java) { load(resource("other.ptl").readBytes(), complex) }
        assertEquals(ErrorCode.UNSUPPORTED, refused.code)
        assertEquals("conv.bias", refused.tensor)
    }

    @Test
    fun `unreadable parts are reported`() {
        val nothing = File(cache, "nothing")
        for ((skeleton, weights) in listOf(nothing to resource("tiny.frz"), resource("tiny.ptl") to nothing)) {
            val missing = assertThrows(FrzLoadException::class.java) { FrzModule.loaderOf(skeleton, weights).load() }
            assertEquals(Kind.UNREADABLE, missing.kind)
            assertTrue("nothing" in missing.message!!, missing.message)
        }
        val broken = object : InputStream() {
            override fun read(): Int = throw IOException("the line is down")
        }
        val failed = assertThrows(FrzLoadException::class.java) {
            FrzModule.loaderOf(part("tiny.ptl"), FrzPart.of(broken), cache).load()
        }
        assertEquals(Kind.UNREADABLE, failed.kind)
        assertTrue("the line is down" in failed.message!!)
    }

    @Test
    fun `a read-only cache is reported`() {
        val file = File(cache, "file").apply { writeText("in the way") }
        for (folder in listOf(file, File(file, "below"), File("/proc/frz"))) {
            val refused = assertThrows(FrzLoadException::class.java) {
                FrzModule.loaderOf(FrzPart.of(skeleton), FrzPart.of(weights), folder).load()
            }
            assertEquals(Kind.CACHE, refused.kind, refused.message)
            assertTrue(folder.path in refused.message!!, refused.message)
        }
        load(skeleton, weights)
    }

    @Test
    fun `a missing runtime is reported`() {
        val path = System.getProperty("java.class.path").split(File.pathSeparator).map { File(it).toURI().toURL() }
        URLClassLoader(path.toTypedArray(), null).let { loader ->
            val run = loader.loadClass(Loading::class.java.name).getMethod("run")
            repeat(2) {
                val thrown = assertThrows(ReflectiveOperationException::class.java) {
                    run.invoke(null)
                }
                assertTrue("RUNTIME_MISSING" in thrown.cause!!.message!!, thrown.cause.toString())
            }
        }
    }
}

/** Loads a module. Called from another class loader. */
internal object Loading {
    @JvmStatic
    fun run() =
        FrzModule.loaderOf(File("src/test/resources/tiny.ptl"), File("src/test/resources/tiny.frz")).load().destroy()
}
