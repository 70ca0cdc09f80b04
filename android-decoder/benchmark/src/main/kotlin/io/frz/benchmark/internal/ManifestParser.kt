package io.frz.benchmark.internal

import com.google.gson.JsonElement
import com.google.gson.JsonObject
import com.google.gson.JsonParseException
import com.google.gson.JsonParser
import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.LearningAssets
import io.frz.benchmark.Manifest
import io.frz.benchmark.MemoryAssets
import io.frz.benchmark.Metric
import io.frz.benchmark.NetworkAssets
import io.frz.benchmark.TensorFile
import io.frz.benchmark.Variant
import java.io.File
import java.io.IOException

/** Parses the manifest of [folder]. Error messages say where in the document the mistake is. */
internal class ManifestParser(private val folder: File) {
    private val file = File(folder, Manifest.FILE)

    fun parse(): Manifest {
        val document = document()
        if (document.text("format") != FORMAT) fail("it is not a manifest of the suite: format is not $FORMAT")
        if (document.whole("version") != 1L) fail("its version is not 1; update the program or make the assets again")
        val networks = document.list("networks") { network(fields("networks")) }
        if (networks.isEmpty()) fail("it lists no networks; make the assets again")
        val twice = networks.groupBy { it.name }.values.firstOrNull { it.size > 1 }
        if (twice != null) fail("two networks have the name \"${twice[0].name}\"")
        return Manifest(
            folder,
            networks,
            document.optional("learning")?.let { learning(it.fields("learning")) },
            document.optional("memory")?.let { memory(it.fields("memory"), networks) }
        )
    }

    private fun document(): JsonObject {
        if (!file.isFile) {
            fail(
                "there is no such file; make the assets with `python android-decoder/benchmark/assets.py`"
            )
        }
        if (file.length() > MAX_BYTES) fail("it is larger than $MAX_BYTES bytes")
        return try {
            JsonParser.parseString(file.readText()).fields("the document")
        } catch (e: IOException) {
            throw BenchmarkException("$file: it cannot be read: ${e.message}", e)
        } catch (e: JsonParseException) {
            throw BenchmarkException("$file: it is not JSON: ${e.message?.lineSequence()?.first()}", e)
        }
    }

    private fun network(entry: JsonObject): NetworkAssets {
        val name = entry.text("name")
        val label = entry.text("metric")
        val variants = entry.list("variants") { variant(fields("variants")) }
        val inputs = entry.tensor("inputs")
        val samples = inputs.shape.firstOrNull() ?: 0
        if (samples < 1) fail("$name has no inputs")
        val targets = entry.tensor("targets")
        if ((variants.map { it.outputs } + targets).any { it.shape.firstOrNull() != samples }) {
            fail("$name does not have as many targets and outputs as inputs")
        }
        if (variants.firstOrNull()?.weights != null || variants.size < 2 ||
            variants.drop(1).any { it.weights == null }
        ) {
            fail("$name needs a dense variant without weights, followed by compressed variants with weights")
        }
        val scored = entry.text("scored")
        if (variants.drop(1).none { it.name == scored }) fail("$name has no compressed variant \"$scored\" to score")
        return NetworkAssets(
            name,
            entry.text("title"),
            entry.text("task"),
            Metric.entries.firstOrNull { it.label == label } ?: fail("$name has the unknown metric \"$label\""),
            scored,
            entry.optional("short") != null && entry.read("short") { asBoolean },
            inputs,
            targets,
            if (entry.optional("judge") == null) emptyMap() else entry.files("judge"),
            variants
        )
    }

    private fun variant(entry: JsonObject) = Variant(
        entry.text("name"),
        entry.number("tolerance"),
        entry.tensor("outputs"),
        entry.optional("weights")?.let { local(entry.text("weights")) },
        entry.files("models")
    )

    private fun learning(entry: JsonObject) = LearningAssets(
        local(entry.text("layer")),
        entry.tensor("train"),
        entry.tensor("train_labels"),
        entry.tensor("test"),
        entry.tensor("test_labels"),
        entry.tensor("outputs"),
        entry.number("tolerance")
    )

    private fun memory(entry: JsonObject, networks: List<NetworkAssets>): MemoryAssets {
        val sides = entry.list("sides") { asInt }
        if (sides.isEmpty() || sides.zipWithNext().any { (a, b) -> a >= b } || sides[0] < 1) {
            fail("the sides of the memory test are not ascending")
        }
        val network = networks.firstOrNull { it.name == entry.text("network") }
            ?: fail("the memory test needs the network \"${entry.text("network")}\", which is not listed")
        val variants = entry.list("variants") { asString }
        if (variants.size != 2 || variants.any { name -> network.variants.none { it.name == name } }) {
            fail("the memory test needs two variants of ${network.name}")
        }
        return MemoryAssets(network.name, variants, entry.whole("limit"), sides, entry.number("aspect"))
    }

    private fun JsonObject.files(name: String): Map<String, String> =
        read(name) { asJsonObject.entrySet().associate { it.key to it.value.asString } }.mapValues { local(it.value) }

    private fun JsonObject.tensor(name: String): TensorFile {
        val entry = member(name).fields(name)
        val shape = entry.list("shape") { asLong }.toLongArray()
        val bytes = shape.fold(Float.SIZE_BYTES.toBigInteger()) { all, axis -> all * axis.toBigInteger() }
        if (shape.any { it < 1 } || bytes > MAX_TENSOR.toBigInteger()) fail("$name has an unusable shape")
        return TensorFile(local(entry.text("file")), shape, entry.text("crc32"))
    }

    /** Returns [name], which must be the name of a file in the folder itself. */
    private fun local(name: String): String =
        if (name.isEmpty() || name == "." || name == ".." || name.any { it in "/\\" }) {
            fail("\"$name\" is not the name of a file in the same folder")
        } else {
            name
        }

    private fun JsonObject.member(name: String): JsonElement = optional(name) ?: fail("$name is missing")

    private fun JsonObject.optional(name: String): JsonElement? = get(name)?.takeUnless { it.isJsonNull }

    private fun JsonObject.text(name: String): String = read(name) { asString }

    private fun JsonObject.number(name: String): Double = read(name) { asDouble }

    private fun JsonObject.whole(name: String): Long = read(name) { asLong }

    private fun <T> JsonObject.list(name: String, entry: JsonElement.() -> T): List<T> =
        read(name) { asJsonArray.map(entry) }

    private fun <T> JsonObject.read(name: String, value: JsonElement.() -> T): T = try {
        member(name).value()
    } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
        throw BenchmarkException("$file: $name has the wrong type", e) // Gson throws several kinds of exceptions.
    }

    private fun JsonElement.fields(name: String): JsonObject =
        takeIf { it.isJsonObject }?.asJsonObject ?: fail("$name is not an object")

    private fun fail(problem: String): Nothing = throw BenchmarkException("$file: $problem")

    private companion object {
        const val FORMAT = "frz-suite-assets"
        const val MAX_BYTES = 1 shl 20
        const val MAX_TENSOR = 1 shl 28
    }
}
