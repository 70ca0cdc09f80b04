package io.frz.host

import com.google.gson.GsonBuilder
import com.google.gson.JsonArray
import com.google.gson.JsonObject
import io.frz.cli.shell.Failure
import io.frz.cli.shell.Positive
import io.frz.cli.shell.Replacing
import io.frz.cli.shell.replacing
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.time.OffsetDateTime
import java.time.temporal.ChronoUnit
import java.util.Base64
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "report",
    description = [
        "Run a model on every .npy file in a folder, and write a parity report.",
        "The outputs are written next to the report, as <stem>.out.npy."
    ]
)
internal class Report : Runnable {
    @Mixin
    private lateinit var opening: Opening

    @Parameters(index = "2", paramLabel = "INPUTS", description = ["A folder of .npy files, the model's inputs."])
    private lateinit var inputs: File

    @Option(names = ["-o", "--output"], required = true, paramLabel = "REPORT", description = ["The report to write."])
    private lateinit var output: File

    @Mixin
    private lateinit var existing: Replacing

    @Option(
        names = ["--runs"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Number of runs on each input (default: 1)."]
    )
    private var runs = 1

    @Spec
    private lateinit var spec: CommandSpec

    private val folder: File get() = output.absoluteFile.parentFile
    private val load = JsonObject()

    override fun run() {
        val files = inputs.listFiles()?.filter { it.extension == "npy" }?.sortedBy { it.name }
            ?: throw Failure("$inputs: no such folder")
        if (files.isEmpty()) throw Failure("$inputs: the folder contains no .npy files")
        requireFiles(opening.sources)
        existing.requireWritable(output, opening.sources + files)
        for (input in files) existing.requireWritable(outputFor(input), opening.sources + files)
        if (folder.canonicalFile == inputs.canonicalFile) {
            throw Failure("$output: the outputs would be mixed with the inputs; choose another folder")
        }
        val engine = opening.engine
        val memory = JsonObject()
        val report = JsonObject()
        report.addProperty("format", "frz-parity-report")
        report.addProperty("version", 1)
        report.addProperty("created", OffsetDateTime.now().truncatedTo(ChronoUnit.SECONDS).toString())
        report.add("producer", json("name" to "frz-host", "version" to FrzHost().version))
        report.add("device", json(*hostFacts().toList().toTypedArray()))
        report.add("runtime", json("name" to engine.name, "version" to engine.version))
        opening.runtimeThreads?.let { report.getAsJsonObject("runtime").addProperty("threads", it) }
        report.add("model", model())
        memory.addProperty("before", Memory.resident())
        val start = System.nanoTime()
        opening.load().use { model ->
            load.addProperty("total", milliseconds(start))
            memory.addProperty("loaded", Memory.resident())
            val results = JsonArray()
            for (file in files) results.add(describe(file, model))
            memory.addProperty("peak", Memory.peak())
            report.add("load", load)
            report.add("memory", memory)
            report.add("inputs", results)
        }
        replacing(output) { it.writeText(GSON.toJson(report) + "\n") }
        spec.commandLine().out.println("$output: ${files.size} inputs on ${engine.name} ${engine.version}")
    }

    private fun model() = JsonObject().apply {
        add("skeleton", described(opening.skeleton))
        add("weights", described(opening.weights).apply { opening.tier?.let { addProperty("tier", it) } })
    }

    private fun described(file: File): JsonObject {
        val bytes = file.readBytes()
        return json("file" to file.name, "bytes" to bytes.size, "crc32" to NdArray.checksum(ByteBuffer.wrap(bytes)))
    }

    private fun describe(file: File, model: Model) = JsonObject().apply {
        addProperty("name", file.nameWithoutExtension)
        try {
            val input = NdArray.readInput(file)
            add("shape", axes(input.shape))
            addProperty("crc32", input.crc32())
            val times = JsonArray()
            var outputs = emptyMap<String, NdArray>()
            repeat(runs) {
                val start = System.nanoTime()
                outputs = model.forward(listOf(input))
                val time = milliseconds(start)
                if (load.has("first_forward")) times.add(time) else load.addProperty("first_forward", time)
            }
            if (times.size() > 0) add("ms", times)
            val main = outputs[Model.OUTPUT] ?: throw Failure("the model has no output called ${Model.OUTPUT}")
            add("output", describe(main).apply { add("values", beside(file, main)) })
            val layers = outputs.filterKeys { it != Model.OUTPUT }.toSortedMap()
            if (layers.isEmpty()) return@apply
            add("layers", JsonArray().apply { layers.forEach { add(layer(it.key, it.value)) } })
        } catch (e: IOException) {
            addFailure(e)
        } catch (e: Failure) {
            addFailure(e)
        } catch (@Suppress("TooGenericExceptionCaught") e: RuntimeException) {
            addFailure(e) // Native code throws various subclasses of RuntimeException.
        }
    }

    private fun JsonObject.addFailure(failure: Exception) {
        if (!has("shape")) {
            add("shape", JsonArray())
            addProperty("crc32", NdArray.checksum(ByteBuffer.allocate(0)))
        }
        addProperty("error", failure.message.orEmpty().lineSequence().first().take(LONGEST))
    }

    private fun layer(name: String, layer: NdArray) = describe(layer).apply {
        addProperty("name", name)
        val data = Base64.getEncoder().encodeToString(layer.bytes().array())
        add("values", json("encoding" to "base64-f32", "data" to data))
    }

    private fun beside(input: File, array: NdArray): JsonObject {
        val file = outputFor(input)
        array.write(file)
        return json("encoding" to "npy", "file" to file.name)
    }

    private fun outputFor(input: File) = File(folder, "${input.nameWithoutExtension}.out.npy")

    private fun describe(array: NdArray) = JsonObject().apply {
        add("shape", axes(array.shape))
        addProperty("crc32", array.crc32())
        val finite = array.values.filter { it.isFinite() }
        addProperty("nonfinite", array.values.size - finite.size)
        if (finite.isEmpty()) return@apply
        addProperty("min", finite.min())
        addProperty("max", finite.max())
        addProperty("mean", finite.sumOf { it.toDouble() } / finite.size)
    }

    private companion object {
        val GSON = GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create()
        const val LONGEST = 1000

        fun axes(shape: LongArray) = JsonArray().apply { shape.forEach { add(it) } }

        fun json(vararg members: Pair<String, Any>) = JsonObject().apply {
            for ((name, value) in members) {
                if (value is Number) addProperty(name, value) else addProperty(name, value.toString())
            }
        }

        fun milliseconds(start: Long) = (System.nanoTime() - start) / 1e6
    }
}
