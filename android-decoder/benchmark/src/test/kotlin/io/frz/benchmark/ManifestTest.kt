package io.frz.benchmark

import io.frz.benchmark.internal.Tensors
import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Tests reading manifests, including damaged ones. */
class ManifestTest {
    @TempDir
    private lateinit var folder: File

    private val file get() = File(folder, Manifest.FILE)

    private fun refused(): String = assertThrows(BenchmarkException::class.java) { Manifest.read(folder) }.message!!

    /** Writes a valid manifest, and returns the error after replacing a part of its text. */
    private fun after(old: String, new: String): String {
        AssetsFolder(folder).network("a", "1 1", "1 1").write()
        val text = file.readText()
        assertTrue(old in text, old)
        file.writeText(text.replace(old, new))
        return refused()
    }

    @Test
    fun `a valid manifest is read`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write()
        assertEquals("Net a", manifest.network("a").title)
        assertEquals("classification", manifest.network("a").task)
        assertEquals(folder, manifest.folder)
        assertEquals(listOf("dense", "factored"), manifest.networks[0].variants.map { it.name })
        assertThrows(BenchmarkException::class.java) { manifest.network("b") }
    }

    @Test
    fun `mistakes are reported in one line`() {
        val mistakes = listOf(
            Triple("frz-suite-assets", "other", "format is not"),
            Triple("\"version\":1", "\"version\":2", "its version is not 1"),
            Triple("\"version\":1", "\"version\":\"x\"", "version has the wrong type"),
            Triple("\"accuracy\"", "\"other\"", "unknown metric"),
            Triple("\"scored\":\"factored\"", "\"scored\":\"dense\"", "no compressed variant"),
            Triple("\"weights\":\"a.frz\",", "", "needs a dense variant"),
            Triple("\"a.frz\"", "\"../a.frz\"", "is not the name of a file"),
            Triple("\"scored\":", "\"judge\":{\"txt\":\"/etc/a\"},\"scored\":", "is not the name of a file"),
            Triple("\"scored\":", "\"judge\":7,\"scored\":", "judge has the wrong type"),
            Triple("\"a.in\"", "\"\"", "is not the name of a file"),
            Triple("[2]", "[3]", "as many targets"),
            Triple("[2]", "[2,-1]", "unusable shape"),
            Triple("[2]", "[2,999999999,999999999,999999999]", "unusable shape"),
            Triple("\"networks\":[", "\"networks\":{},\"x\":[", "networks has the wrong type"),
            Triple("}", "", "it is not JSON")
        )
        for ((old, new, problem) in mistakes) {
            val message = after(old, new)
            assertTrue(problem in message, "$problem in $message")
            assertTrue(message.startsWith("$file: ") && '\n' !in message, message)
        }
    }

    @Test
    fun `elements of the wrong type are refused`() {
        for ((old, new) in listOf(
            "[2,2]" to "[\"a\",2]",
            "[2,2]" to "[[2],{}]",
            "\"short\":true" to "\"short\":[1,2]"
        )) {
            assertTrue("wrong type" in after(old, new))
        }
    }

    @Test
    fun `the memory test and the names are checked`() {
        val dense = listOf("dense")
        fun problem(sides: List<Int> = listOf(16, 32), network: String = "a", variants: List<String> = dense) =
            assertThrows(BenchmarkException::class.java) {
                val memory = mapOf("network" to network, "variants" to variants, "limit" to 1, "sides" to sides)
                AssetsFolder(folder).network("a", "1 1", "1 1").write("memory" to memory + ("aspect" to 1.0))
            }.message!!
        assertTrue("not ascending" in problem(sides = listOf(32, 16)))
        assertTrue("which is not listed" in problem(network = "b"))
        assertTrue("two variants" in problem(variants = listOf("dense", "none")))
        val twice = AssetsFolder(folder).network("a", "1 1", "1 1").network("a", "1 1", "1 1")
        assertTrue("two networks" in assertThrows(BenchmarkException::class.java) { twice.write() }.message!!)
        val none = assertThrows(BenchmarkException::class.java) { AssetsFolder(folder).write() }
        assertTrue("no networks" in none.message!!)
    }

    @Test
    fun `the error for a missing folder says how to create it`() {
        assertTrue("assets.py" in refused())
    }

    @Test
    fun `damaged tensors are refused`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write()
        val tensor = manifest.networks[0].inputs
        val bytes = File(folder, tensor.file).readBytes()
        File(folder, tensor.file).writeBytes(bytes.also { it[3]++ })
        val damaged = assertThrows(BenchmarkException::class.java) { Tensors(folder).elements(tensor) }
        assertTrue("checksum" in damaged.message!!)
        File(folder, tensor.file).writeBytes(bytes.copyOf(7))
        val short = assertThrows(BenchmarkException::class.java) { Tensors(folder).elements(tensor) }
        assertTrue("it has 7 bytes, not 16" in short.message!!)
        File(folder, tensor.file).delete()
        val missing = assertThrows(BenchmarkException::class.java) { Tensors(folder).elements(tensor) }
        assertTrue("it cannot be read" in missing.message!!)
    }
}
