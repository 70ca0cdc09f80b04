package io.frz.cli

import com.google.gson.Gson
import com.google.gson.JsonArray
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.TensorInfo
import io.frz.cli.shell.Failure
import io.frz.cli.shell.on
import java.io.File
import java.io.IOException
import java.io.PrintWriter
import java.nio.ByteBuffer
import java.security.MessageDigest
import picocli.CommandLine.Command
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "parity",
    description = [
        "Describe how this decoder reads files, for comparison with another decoder.",
        "Print one JSON object per line: the file's name, and either its error code or, for each tensor, the SHA-256" +
            " digests of its canonical values and of its elements, both little-endian."
    ]
)
internal class Parity : Runnable {
    @Parameters(
        arity = "1..*",
        paramLabel = "FILE",
        description = [
            "The .frz files, or the specification's vectors.json.",
            "Use - to read file names from standard input, one per line; each is answered immediately."
        ]
    )
    private lateinit var files: List<File>

    @Option(names = ["--out"], paramLabel = "DIR", description = ["Write each tensor's elements to a file in DIR."])
    private var folder: File? = null

    @Spec
    private lateinit var spec: CommandSpec

    private var written = 0

    override fun run() {
        val out = spec.commandLine().out
        folder?.let { if (!it.isDirectory && !it.mkdirs()) throw Failure("$it: the folder cannot be created") }
        for (file in files) {
            if (file.path == "-") {
                System.`in`.bufferedReader().forEachLine {
                    answer(File(it), out)
                    out.flush()
                }
            } else {
                answer(file, out)
            }
        }
        out.flush()
    }

    private fun answer(file: File, out: PrintWriter) = on(file) {
        for (entry in if (file.extension == "json") listed(file) else listOf(Entry(file.path, file))) {
            out.println(GSON.toJson(describe(entry)))
        }
    }

    /** A file to describe, with the names of the tensors to decode and of those to rebuild; null means all. */
    private class Entry(
        val name: String,
        val file: File,
        val options: FrzOptions = FrzOptions.DEFAULT,
        val base: File? = null,
        val decoded: Set<String>? = null,
        val rebuilt: Set<String>? = null
    )

    private fun listed(list: File): List<Entry> = try {
        vectors(list)
    } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
        throw IOException("it does not list vectors: ${e.message}", e) // Gson throws various subclasses.
    }

    private fun vectors(list: File): List<Entry> {
        val vectors = JsonParser.parseString(list.readText()).asJsonObject
        return listOf("valid", "faulty").flatMap { vectors.getAsJsonArray(it) }.map { it.asJsonObject }.map { entry ->
            val options = FrzOptions.builder().memoryBudget((entry["budget"] ?: vectors["budget"]).asLong)
            entry["tier"]?.let { options.tier(it.asInt) }
            val file = File(list.absoluteFile.parentFile, entry["file"].asString)
            val tensors = entry.getAsJsonArray("tensors")?.map { it.asJsonObject }
            fun names(wanted: (JsonObject) -> Boolean) = tensors?.filter(wanted)?.map { it["name"].asString }?.toSet()
            val asked = entry["tensor"]?.let { setOf(it.asString) }
            val decoded = names { !it["values"].isJsonNull } ?: asked?.let { emptySet() }
            val rebuilt = names { it.has("elements") || it["weights"]?.isJsonNull == false } ?: asked
            val base = entry["base"]?.let { File(list.absoluteFile.parentFile, it.asString) }
            Entry(entry["name"].asString, file, options.build(), base, decoded, rebuilt)
        }
    }

    private fun describe(entry: Entry) = JsonObject().apply {
        addProperty("name", entry.name)
        try {
            if (entry.base == null) {
                FrzFile.open(entry.file, entry.options).use { describe(it, entry) }
            } else {
                val open = { base: FrzFile? -> FrzFile.open(entry.file, entry.options, base) }
                opened(entry.base, entry.options, open) { describe(it, entry) }
            }
        } catch (e: FrzException) {
            addProperty("code", e.code.name)
            addProperty("message", e.message)
        }
    }

    private fun JsonObject.describe(frz: FrzFile, entry: Entry) {
        val rebuilt = entry.rebuilt?.map { frz.tensor(it).name }
        val tensors = JsonArray()
        for (info in frz.tensors) {
            val decode = entry.decoded == null || info.name in entry.decoded
            tensors.add(describe(frz, info, decode, rebuilt == null || info.name in rebuilt))
        }
        add("tensors", tensors)
        add("factors", JsonArray().apply { frz.factors.indices.forEach { add(describe(frz, it)) } })
    }

    private fun describe(frz: FrzFile, factor: Int) = JsonObject().apply {
        add("shape", GSON.toJsonTree(frz.factors[factor].shape))
        addProperty("values", sha256(frz.factor(factor).buffer))
    }

    private fun describe(frz: FrzFile, info: TensorInfo, decode: Boolean, rebuild: Boolean) = JsonObject().apply {
        addProperty("name", info.name)
        addProperty("dtype", info.dtype.label)
        add("shape", GSON.toJsonTree(info.shape))
        if (decode) addProperty("values", sha256(frz.core(info.name).buffer))
        if (!rebuild) return@apply
        val elements = frz.load(info.name).buffer
        addProperty("elements", sha256(elements.duplicate()))
        folder?.let { addProperty("file", write(elements, it)) }
    }

    private fun write(elements: ByteBuffer, folder: File): String {
        val name = "%05d.bin".format(written++)
        File(folder, name).outputStream().channel.use { while (elements.hasRemaining()) it.write(elements) }
        return name
    }

    private fun sha256(bytes: ByteBuffer) =
        MessageDigest.getInstance("SHA-256").apply { update(bytes) }.digest().joinToString("") { "%02x".format(it) }

    private companion object {
        val GSON = Gson()
    }
}
