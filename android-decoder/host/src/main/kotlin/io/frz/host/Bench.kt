package io.frz.host

import com.google.gson.JsonObject
import io.frz.FrzFile
import io.frz.cli.shell.Positive
import io.frz.cli.shell.Printing
import java.io.File
import java.util.Locale
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters

@Command(
    name = "bench",
    description = [
        "Compare the time and memory for loading and running a skeleton and its weights with those of OTHER:",
        "a module that contains its weights, or another skeleton of the same network, such as an unfactored one.",
        "The two are loaded in turn. Times are medians; memory is the peak increase of the resident memory."
    ]
)
internal class Bench : Runnable {
    @Mixin
    private lateinit var opening: Opening

    @Parameters(index = "2", paramLabel = "OTHER", description = ["The module or skeleton to compare with."])
    private lateinit var other: File

    @Option(names = ["--skeletons"], description = ["OTHER is also a skeleton, and runs with the same weights."])
    private var skeletons = false

    @Mixin
    private lateinit var input: Example

    @Option(
        names = ["--runs"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Number of measured runs (default: 9)."]
    )
    private var runs = 9

    @Mixin
    private lateinit var printing: Printing

    private class Run(val load: Double, val first: Double, val run: Double, val loading: Long, val running: Long)

    override fun run() {
        requireFiles(opening.sources + other)
        val example = input.inputs
        val engine = opening.engine
        val (weights, largest) = naming(opening.weights, null) {
            FrzFile.open(opening.weights).use { frz ->
                val bytes = frz.tensors.map { it.elements * Float.SIZE_BYTES }
                bytes.sum() to (bytes.maxOrNull() ?: 0)
            }
        }
        val ours = ArrayList<Run>()
        val theirs = ArrayList<Run>()
        repeat(runs + 1) {
            ours.add(measure(example) { opening.load() })
            theirs.add(measure(example) { if (skeletons) opening.load(other) else engine.loadComplete(other) })
        }
        report(weights, largest, ours, theirs)
    }

    private fun measure(example: List<Input>, load: () -> Model): Run {
        Memory.collect()
        Memory.forgetPeak()
        val before = Memory.resident()
        val start = System.nanoTime()
        return load().use { model ->
            val loaded = System.nanoTime()
            val loading = Memory.peak() - before
            model.forward(example)
            val first = System.nanoTime()
            model.forward(example)
            val run = System.nanoTime() - first
            Run((loaded - start) / 1e6, (first - start) / 1e6, run / 1e6, loading, Memory.peak() - before)
        }
    }

    private fun report(weights: Long, largest: Long, ours: List<Run>, theirs: List<Run>) {
        val figures = linkedMapOf<String, Number>(
            "weights_bytes" to weights,
            "largest_tensor_bytes" to largest,
            "first_run_load_ms" to ours[0].load,
            "first_run_other_load_ms" to theirs[0].load,
            "load_ms" to median(ours.drop(1)) { it.load },
            "other_load_ms" to median(theirs.drop(1)) { it.load },
            "ratio" to median(ours.drop(1).zip(theirs.drop(1))) { (our, their) -> our.load / their.load },
            "first_output_ms" to median(ours.drop(1)) { it.first },
            "other_first_output_ms" to median(theirs.drop(1)) { it.first },
            "run_ms" to median(ours.drop(1)) { it.run },
            "other_run_ms" to median(theirs.drop(1)) { it.run },
            "run_ratio" to median(ours.drop(1).zip(theirs.drop(1))) { (our, their) -> our.run / their.run },
            "peak_loading_bytes" to ours.maxOf { it.loading },
            "other_peak_loading_bytes" to theirs.maxOf { it.loading },
            "peak_running_bytes" to ours.maxOf { it.running },
            "other_peak_running_bytes" to theirs.maxOf { it.running }
        )
        val out = printing.out
        if (printing.json) {
            out.println(JsonObject().apply { figures.forEach { (name, value) -> addProperty(name, value) } })
            return
        }
        for ((name, value) in figures) {
            val bytes = name.endsWith("_bytes")
            val number = if (bytes) value.toDouble() / (1 shl 20) else value.toDouble()
            val unit = if (bytes) {
                "MiB"
            } else if (name.endsWith("_ms")) {
                "ms"
            } else {
                ""
            }
            val label = name.removeSuffix("_bytes").removeSuffix("_ms").replace('_', ' ')
            out.println(String.format(Locale.ROOT, "%-28s %10.2f %s", label, number, unit).trimEnd())
        }
    }

    private fun <T> median(values: List<T>, of: (T) -> Double): Double = values.map(of).sorted()[values.size / 2]
}
