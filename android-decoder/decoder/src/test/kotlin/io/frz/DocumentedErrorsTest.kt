package io.frz

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.File
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that the documentation of each function of [FrzFile] names the error codes that the function reports. */
class DocumentedErrorsTest {
    private val vectors = File("../../spec/vectors")
    private val listed = JsonParser.parseString(File(vectors, "vectors.json").readText()).asJsonObject
    private val documented = codes(File("src/main/kotlin/io/frz/FrzFile.kt").readText())
    private val budget = listed["budget"].asLong

    /** For each function, a lambda that makes its calls on a file, each inside `attempt`. */
    private val requests: Map<String, (FrzFile, (() -> Unit) -> Unit) -> Unit> = mapOf(
        "load" to { file, attempt -> names(file).forEach { attempt { file.load(it) } } },
        "loadInto" to { file, attempt ->
            val memory = ByteBuffer.allocate(1 shl 20)
            names(file).forEach { attempt { file.loadInto(it, memory.apply { clear() }) } }
        },
        "loadAll" to { file, attempt -> attempt { file.loadAll() } },
        "forEach" to { file, attempt ->
            attempt { file.forEach { } }
            attempt { file.forEach(TensorMemory { null }) { } }
        },
        "core" to { file, attempt -> names(file).forEach { attempt { file.core(it) } } },
        "coefficients" to { file, attempt -> names(file).forEach { attempt { file.coefficients(it) } } },
        "factor" to { file, attempt -> (0..file.factors.size).forEach { attempt { file.factor(it) } } },
        "tensor" to { file, attempt -> names(file).forEach { attempt { file.tensor(it) } } },
        "verify" to { file, attempt -> attempt { file.verify() } },
        "sha256" to { file, attempt -> attempt { file.sha256() } }
    )

    /** Returns the names of the small tensors of [file], and one that it does not contain. */
    private fun names(file: FrzFile) = file.tensors.filter { it.bytes <= 1 shl 20 }.map { it.name } + "nothing"

    /** Returns the codes that the KDoc of each function names. For `open`, that is the companion object's KDoc. */
    private fun codes(source: String): Map<String, Set<String>> {
        val function = Regex("""(?s)/\*\*((?:(?!\*/).)*)\*/((?:(?!/\*\*).)*?)(?:fun (\w+)\(|companion object)""")
        val code = Regex("""ErrorCode\.([A-Z_]+)""")
        val found = HashMap<String, Set<String>>()
        for (match in function.findAll(source)) {
            val name = match.groupValues[3].ifEmpty { "open" }
            val codes = code.findAll(match.groupValues[1]).map { it.groupValues[1] }.toSet()
            if (name == "open" && codes.isEmpty()) continue
            found[name] = found[name]?.intersect(codes) ?: codes
        }
        return found
    }

    /** Makes all requests and returns the codes that each reports. */
    private fun reported(file: FrzFile): Map<String, Set<String>> = requests.mapValues { (_, request) ->
        val codes = HashSet<String>()
        request(file) { attempt ->
            try {
                attempt()
            } catch (e: FrzException) {
                codes.add(e.code.name)
            }
        }
        codes
    }

    /** Checks that all codes are documented, and returns those that each request reports. */
    private fun check(file: FrzFile, what: String): Map<String, Set<String>> {
        val reported = reported(file)
        for ((request, codes) in reported) {
            val missing = codes - documented.getValue(request)
            assertTrue(missing.isEmpty()) { "$what: $request reports $missing, which its documentation does not name" }
        }
        return reported
    }

    private fun options(entry: JsonObject): FrzOptions {
        val options = FrzOptions.builder().memoryBudget((entry["budget"]?.asLong ?: budget))
        entry["tier"]?.let { options.tier(it.asInt) }
        return options.build()
    }

    @Test
    fun `faulty files`() {
        val seen = HashSet<String>()
        for (entry in listed.getAsJsonArray("faulty").map { it.asJsonObject }) {
            val bytes = File(vectors, entry["file"].asString).readBytes()
            val file = try {
                FrzFile.open(bytes, options(entry))
            } catch (e: FrzException) {
                assertTrue(e.code.name in documented.getValue("open")) { "open reports ${e.code}" }
                continue
            }
            for ((request, codes) in check(file, entry["name"].asString)) codes.forEach { seen.add("$request $it") }
        }
        for (request in listOf("load", "loadInto", "loadAll", "forEach", "core", "verify")) {
            for (code in listOf("CHECKSUM", "STREAM", "VALUE")) assertTrue("$request $code" in seen, "$request $code")
        }
    }

    @Test
    fun `a delta file without its base, and with another file as its base`() {
        val delta = File(vectors, "valid/delta-steps.frz")
        val codes = check(FrzFile.open(delta), "without a base")
        for (request in requests.keys - setOf("coefficients", "factor", "tensor", "sha256")) {
            assertTrue("BASE" in codes.getValue(request)) { request }
        }
        refused(ErrorCode.BASE) { FrzFile.open(delta, base = FrzFile.open(File(vectors, "valid/example.frz"))) }
        assertTrue("BASE" in documented.getValue("open"))
    }

    @Test
    fun `requests that cannot be met`(@TempDir folder: File) {
        val bytes = FrzBuilder().spectrum("w", listOf(64, 64), floatArrayOf(1f, 2f)).build()
        val small = check(FrzFile.open(bytes, FrzOptions.builder().memoryBudget(0).build()), "no memory")
        for (request in listOf("load", "loadAll", "forEach", "core", "coefficients")) {
            assertTrue("BUDGET" in small.getValue(request)) { request }
        }
        for (request in listOf("load", "loadInto", "core", "coefficients", "factor", "tensor")) {
            assertTrue("NOT_FOUND" in small.getValue(request)) { request }
        }
        val path = File(folder, "cut.frz").apply { writeBytes(bytes) }
        FrzFile.open(path).use { file ->
            RandomAccessFile(path, "rw").use { it.setLength(bytes.size - 1L) }
            val cut = check(file, "cut after opening")
            for (request in requests.keys - setOf("factor", "tensor")) {
                assertTrue("TRUNCATED" in cut.getValue(request)) { request }
            }
        }
        val tier = FrzOptions.builder().tier(7).build()
        assertEquals(ErrorCode.TIER, refused(ErrorCode.TIER) { FrzFile.open(bytes, tier) }.code)
        assertTrue("TIER" in documented.getValue("open"))
    }
}
