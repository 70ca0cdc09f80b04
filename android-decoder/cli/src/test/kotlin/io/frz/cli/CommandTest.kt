package io.frz.cli

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import java.io.ByteArrayOutputStream
import java.io.File
import java.io.IOException
import java.io.OutputStream
import java.io.PrintWriter
import java.io.StringWriter
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.file.Files
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Runs the commands on the conformance vectors of the specification. */
class CommandTest {
    private val vectors = File("../../spec/vectors")
    private val example = File(vectors, "valid/example.frz")

    private class Result(val code: Int, val out: String, val err: String)

    private fun frz(vararg args: Any): Result {
        val out = StringWriter()
        val err = StringWriter()
        val code = Frz().commandLine().setOut(PrintWriter(out)).setErr(PrintWriter(err))
            .execute(*Array(args.size) { args[it].toString() })
        return Result(code, out.toString(), err.toString())
    }

    private fun json(text: String): JsonObject = JsonParser.parseString(text).asJsonObject

    @Test
    fun `dump lists the contents of a file`() {
        val text = frz("dump", example)
        assertEquals(0, text.code)
        assertTrue("metadata license: MIT" in text.out, text.out)
        val line = Regex("conv1.weight +f32 +2×2×3×3 +dct dct dct dct +2×2×2×2 +3 5 +× 0.125")
        assertTrue(line.containsMatchIn(text.out), text.out)
        val report = json(frz("dump", example, "--json").out)
        assertEquals(example.length(), report["bytes"].asLong)
        val tensor = report.getAsJsonArray("tensors")[0].asJsonObject
        assertEquals("[2,2,3,3]", tensor["shape"].toString())
        assertEquals("[3,5]", tensor["kept"].toString())
        assertEquals(0.125, tensor["step"].asDouble)
    }

    @Test
    fun `dump lists every valid vector`() {
        for (file in File(vectors, "valid").listFiles()!!.filter { it.extension == "frz" }) {
            val listed = frz("dump", file)
            assertEquals(0, listed.code, file.name)
            assertFalse("1/0.0" in listed.out, file.name)
            assertEquals(0, frz("dump", "--json", file).code, file.name)
        }
    }

    @Test
    fun `long names and long lists do not widen tables`() {
        val file = File(vectors, "valid/names-of-1024-bytes.frz")
        val names = json(frz("dump", "--json", file).out).getAsJsonArray("tensors")
            .map { it.asJsonObject["name"].asString }
        val lines = frz("dump", file).out.lines()
        for (name in names) assertTrue("  $name" in lines, name)
        for (vector in listOf("names-of-1024-bytes", "tiers-256")) {
            val wide = frz("dump", File(vectors, "valid/$vector.frz")).out.lines().filter { it.length > 120 }
            assertTrue(wide.none { "    ".repeat(20) in it }, wide.joinToString("\n"))
        }
        assertTrue(lines.none { it.length > 120 && it.trim() !in names && !it.startsWith("alias ") })
    }

    @Test
    fun `a base that cannot be opened is an error only if the file needs one`(@TempDir folder: File) {
        val text = File(folder, "old.frz").apply { writeText("not a base") }
        val refused = frz("dump", File(vectors, "valid/delta-steps.frz"), "--base", text)
        assertTrue("BASE: the base cannot be used: $text: MAGIC" in refused.err, refused.err)
        assertTrue(refused.code != 0)
        assertEquals(0, frz("dump", example, "--base", text).code)
    }

    @Test
    fun `decode writes safetensors`(@TempDir folder: File) {
        assertEquals(0, frz("decode", example, "-o", folder).code)
        val written = File(folder, "example.safetensors")
        val bytes = ByteBuffer.wrap(written.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
        val length = bytes.getLong(0).toInt()
        assertEquals(0, length % 8)
        val header = json(String(bytes.array(), 8, length))
        assertEquals("""{"license":"MIT"}""", header["__metadata__"].toString())
        assertEquals("""{"dtype":"F32","shape":[2,2,3,3],"data_offsets":[0,144]}""", header["conv1.weight"].toString())
        val mean = header["bn1.running_mean"].toString()
        assertEquals("""{"dtype":"F16","shape":[2],"data_offsets":[144,148]}""", mean)
        assertEquals(8 + length + 148, bytes.limit())
        assertEquals(0.38178678f, bytes.getFloat(8 + length), 1e-7f)
        assertEquals(listOf(written), folder.listFiles()!!.toList())
    }

    @Test
    fun `decode writes a file whose name is a single letter`(@TempDir folder: File) {
        assertEquals(0, frz("decode", example, "-o", File(folder, "x")).code)
        assertEquals(listOf("x"), folder.list()!!.toList())
    }

    @Test
    fun `decode deletes what killed processes left behind`(@TempDir folder: File) {
        val (left, writing) = listOf(".x.1.partial", ".x.2.partial")
        val foreign = listOf(".y.1.partial", ".x.a.partial", "x.1.partial")
        for (name in foreign + left + writing) File(folder, name).writeText("half")
        val old = System.currentTimeMillis() - 2 * 60 * 60 * 1000
        for (name in foreign + left) assertTrue(File(folder, name).setLastModified(old))
        assertEquals(0, frz("decode", example, "-o", File(folder, "x")).code)
        assertEquals((foreign + writing + "x").toSet(), folder.list()!!.toSet())
    }

    @Test
    fun `decode refuses the extensions of formats that it does not write`(@TempDir folder: File) {
        for (name in listOf("x.npz", "x.pt", "x.PTH", "x.frz")) {
            val refused = frz("decode", example, "-o", File(folder, name))
            assertEquals(2, refused.code, name)
            assertTrue("$name: only .safetensors files can be written here" in refused.err, refused.err)
        }
        assertEquals(emptyList<String>(), folder.list()!!.toList())
    }

    @Test
    fun `decode replaces neither its inputs nor anything but files`(@TempDir folder: File) {
        val delta = File(vectors, "valid/delta-steps.frz").copyTo(File(folder, "d.frz"))
        val base = File(vectors, "base-files/f3e888adf29ef33f.frz").copyTo(File(folder, "b.frz"))
        val link = Files.createSymbolicLink(File(folder, "link").toPath(), delta.toPath()).toFile()
        val pipe = File(folder, "pipe")
        assertEquals(0, ProcessBuilder("mkfifo", pipe.path).start().waitFor())
        val before = listOf(delta, base).map { it.readBytes().asList() }
        for (target in listOf(delta, base, link, File(folder, "../${folder.name}/d.frz"), pipe)) {
            val refused = frz("decode", delta, "--base", base, "-o", target, "--force")
            assertEquals(2, refused.code, "$target")
            assertTrue(refused.err.startsWith("frz: $target: it is "), refused.err)
        }
        assertEquals(before, listOf(delta, base).map { it.readBytes().asList() })
        assertFalse(pipe.isFile)
        assertEquals(0, frz("decode", delta, "--base", base, "-o", File(folder, "new")).code)
        assertEquals(setOf("d.frz", "b.frz", "link", "pipe", "new"), folder.list()!!.toSet())
    }

    @Test
    fun `decode replaces existing files only on request`(@TempDir folder: File) {
        val file = File(folder, "example.safetensors").apply { writeText("other") }
        val broken = Files.createSymbolicLink(File(folder, "link").toPath(), File(folder, "nothing").toPath()).toFile()
        for ((output, target) in listOf(file to file, folder to file, broken to broken)) {
            val refused = frz("decode", example, "-o", output)
            assertEquals(2, refused.code)
            assertEquals("frz: $target: it exists; use --force to replace it", refused.err.trim())
        }
        assertEquals("other", file.readText())
        assertEquals(0, frz("decode", example, "-o", folder, "--force").code)
        assertTrue("conv1.weight" in file.readText(Charsets.ISO_8859_1))
        Files.delete(broken.toPath())
        val written = file.readBytes()
        file.writeText("other")
        val link = Files.createSymbolicLink(broken.toPath(), file.toPath())
        assertEquals(0, frz("decode", example, "-o", link, "--force").code)
        assertTrue(Files.isSymbolicLink(link))
        assertArrayEquals(written, file.readBytes())
        assertEquals(setOf("example.safetensors", "link"), folder.list()!!.toSet())
        assertTrue("--force" in frz("decode", "--help").out)
    }

    @Test
    fun `an output that cannot be written is named`(@TempDir folder: File) {
        val file = File(folder, "file").apply { writeText("") }
        val parity = frz("parity", "--out", file, example)
        assertEquals("frz: $file: the folder cannot be created", parity.err.trim())
        val name = "x".repeat(250) + ".safetensors"
        val decode = frz("decode", example, "-o", File(folder, name))
        assertEquals(2, decode.code)
        assertTrue(decode.err.startsWith("frz: ${File(folder, name)}: it cannot be written: "), decode.err)
        val before = System.out
        try {
            for ((reason, code) in listOf("the disk is full" to 2, "Broken pipe" to 141)) {
                val failing = object : OutputStream() {
                    override fun write(byte: Int) = throw IOException(reason)
                }
                assertEquals(code, Frz().execute(arrayOf("dump", example.path), failing))
            }
            val bytes = ByteArrayOutputStream()
            assertEquals(0, Frz().execute(arrayOf("verify", example.path), bytes))
            assertEquals(frz("verify", example).out, bytes.toString())
        } finally {
            System.setOut(before)
        }
    }

    @Test
    fun `decode copies aliases and leaves nothing behind when it fails`(@TempDir folder: File) {
        assertEquals(0, frz("decode", File(vectors, "valid/aliases.frz"), "-o", File(folder, "a.safetensors")).code)
        val aliases = json(frz("dump", "--json", File(vectors, "valid/aliases.frz")).out).getAsJsonObject("aliases")
        val header = File(folder, "a.safetensors").readText(Charsets.ISO_8859_1)
        for (name in aliases.keySet()) assertTrue("\"$name\":{\"dtype\":" in header)
        val damaged = File(folder, "damaged.frz").apply {
            writeBytes(example.readBytes().also { it[it.size - 1]++ })
        }
        val failed = frz("decode", damaged, "-o", File(folder, "b.safetensors"))
        assertEquals(2, failed.code)
        assertTrue(failed.err.startsWith("frz: $damaged: CHECKSUM: "), failed.err)
        assertEquals(1, failed.err.trim().lines().size)
        assertEquals(setOf("a.safetensors", "damaged.frz"), folder.list()!!.toSet())
    }

    @Test
    fun `tensors that each tier stores again are read from that tier`(@TempDir folder: File) {
        assertTrue(Regex("bn1.running_mean +f16 +2 .* one per tier").containsMatchIn(frz("dump", example).out))
        val means = listOf(0x3800 to 0xBE00, 0x3400 to 0xBC00) // (0.5, −1.5) and (0.25, −1)
        for ((tier, mean) in means.withIndex()) {
            val written = File(folder, "$tier.safetensors")
            assertEquals(0, frz("decode", example, "-o", written, "--tier", tier).code)
            val bytes = ByteBuffer.wrap(written.readBytes()).order(ByteOrder.LITTLE_ENDIAN)
            val start = 8 + bytes.getLong(0).toInt() + 144
            assertEquals(mean.first, bytes.getShort(start).toInt() and 0xFFFF)
            assertEquals(mean.second, bytes.getShort(start + 2).toInt() and 0xFFFF)
        }
    }

    @Test
    fun `verify distinguishes intact files from others`() {
        val faulty = File(vectors, "faulty").listFiles()!!.first { it.name == "crc-segment.frz" }
        val result = frz("verify", example, faulty, "none.frz")
        assertEquals(2, result.code)
        assertTrue(result.out.startsWith("$example: ok, 2 tensors"), result.out)
        assertTrue("frz: $faulty: CHECKSUM: " in result.err, result.err)
        assertTrue("frz: none.frz: no such file" in result.err, result.err)
        assertEquals(0, frz("verify", example).code)
        assertEquals(2, frz("verify", example, "--tier", 7).code)
    }

    @Test
    fun `bench prints its results`() {
        val report = json(frz("bench", example, "--runs", 3, "--warm-up", 1, "--json").out)
        assertEquals(148, report["bytes"].asInt)
        assertEquals(report["rebuild_ms"].asDouble / report["fill_ms"].asDouble, report["ratio"].asDouble)
        assertTrue("ratio" in frz("bench", example, "--runs", 3, "--warm-up", 1).out)
        val base = File(vectors, "base-files/f3e888adf29ef33f.frz")
        val delta = File(vectors, "valid/delta-steps.frz")
        assertEquals(0, frz("bench", delta, "--base", base, "--runs", 1, "--warm-up", 0).code)
        assertTrue("BASE: " in frz("bench", delta, "--runs", 1, "--warm-up", 0).err)
    }

    @Test
    fun `attack finds that all damage is refused`() {
        val result = frz("attack", example)
        assertEquals(0, result.code)
        val total = 9 * example.length() - 1 // Cutting the file after a tier yields a valid file.
        assertTrue("$total of $total damaged files refused, 0 decoded" in result.out, result.out)
        val tiers = File(vectors, "valid").listFiles()!!.filter { it.name.startsWith("tiers-adaptive") }
        assertTrue(tiers.isNotEmpty())
        for (file in tiers) assertEquals(0, frz("attack", file).code, file.name)
    }

    @Test
    fun `parity reads names from standard input`() {
        val before = System.`in`
        try {
            System.setIn("$example\n$example\n".byteInputStream())
            val result = frz("parity", "-")
            assertEquals(0, result.code, result.err)
            assertEquals(frz("parity", example, example).out, result.out)
        } finally {
            System.setIn(before)
        }
    }

    @Test
    fun `parity describes all vectors`(@TempDir folder: File) {
        val list = json(File(vectors, "vectors.json").readText())
        val result = frz("parity", File(vectors, "vectors.json"), example, "--out", folder)
        assertEquals(0, result.code, result.err)
        val lines = result.out.trim().lines().map { json(it) }
        val valid = list.getAsJsonArray("valid").map { it.asJsonObject }
        val faulty = list.getAsJsonArray("faulty").map { it.asJsonObject }
        assertEquals(valid.size + faulty.size + 1, lines.size)
        valid.zip(lines).forEach { (entry, line) -> assertEquals(hashes(entry), hashes(line), line["name"].asString) }
        faulty.zip(lines.drop(valid.size)).forEach { (entry, line) ->
            assertEquals(entry["code"], line["code"], line["name"].asString)
        }
        val last = lines.last().getAsJsonArray("tensors")[0].asJsonObject
        assertEquals(144, File(folder, last["file"].asString).length())
    }

    private fun hashes(entry: JsonObject) = entry.getAsJsonArray("tensors").map { it.asJsonObject }
        .mapNotNull { it["values"] }.filterNot { it.isJsonNull }

    @Test
    fun `incorrect usage is explained`(@TempDir folder: File) {
        assertEquals(2, frz("dump").code)
        assertEquals(2, frz("decode", example).code)
        assertTrue("Usage: frz" in frz("--help").out)
        assertTrue("Exit codes:" in frz("--help").out)
        for (command in listOf("dump", "decode", "verify", "bench", "parity", "attack")) {
            assertTrue("Usage: frz $command" in frz(command, "--help").out)
            assertEquals(frz("--version").out, frz(command, "--version").out)
        }
        assertTrue(frz("--version").out.startsWith("frz "))
        val threads = frz("verify", example, "--threads", 0)
        assertEquals(2, threads.code)
        assertTrue(threads.err.startsWith("threads must be from 1 to 256, not 0"), threads.err)
        val nowhere = frz("decode", example, "-o", "no/such/x.safetensors")
        assertEquals("frz: no/such/x.safetensors: its folder does not exist; create it first", nowhere.err.trim())
        assertFalse(frz("bench", example, "--threads", "x").err.isEmpty())
        for ((option, wrong) in listOf("--runs" to 0, "--runs" to -1, "--warm-up" to -1, "--runs" to "1.5")) {
            val refused = frz("bench", example, option, wrong)
            assertEquals(2, refused.code)
            assertTrue("'$option': '$wrong' is not an integer of at least" in refused.err, refused.err)
        }
        val list = File(folder, "list.json")
        for (text in listOf("{", "[]", "{}", """{"valid": [{"name": 7}], "faulty": []}""")) {
            list.writeText(text)
            val refused = frz("parity", list)
            assertEquals(2, refused.code, text)
            assertTrue(refused.err.startsWith("frz: $list: it does not list vectors: "), refused.err)
        }
    }
}
