package io.frz.host

import com.google.gson.JsonObject
import io.frz.cli.shell.Failure
import io.frz.cli.shell.Positive
import io.frz.cli.shell.Printing
import java.io.File
import java.util.Locale
import java.util.concurrent.Callable
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Option

@Command(
    name = "loading",
    description = [
        "Compare the time and memory for creating an ONNX Runtime session from a skeleton and its weights with those",
        "for the complete model, which an app can pass to ONNX Runtime in several ways. Each process creates ten",
        "sessions in one of the ways. During the first, Java interprets and compiles the decoder; by the tenth, it is",
        "compiled, as on a phone that compiled the app when it was installed (see docs/android.md). The ways take",
        "turns, and the lowest value of all processes counts.",
        "Times are of the processor and, in parentheses, of the clock; ours is the ratio of processor times. Memory is",
        "the increase of the peak of the Java heap, including garbage, and of the resident memory, in the first",
        "session. The exit code is 1 if a way fails, for example because the heap is too small."
    ]
)
internal class LoadingCommand : Callable<Int> {
    @Mixin
    private lateinit var files: Shipped

    @Option(
        names = ["--runs"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Number of processes for each way (default: 5)."]
    )
    private var runs = 5

    @Option(
        names = ["--heap"],
        paramLabel = "MB",
        converter = [Positive::class],
        description = ["The heap of each process, as apps have a limited one (default: Java's)."]
    )
    private var heap: Int? = null

    @Mixin
    private lateinit var printing: Printing

    override fun call(): Int {
        requireFiles(listOf(files.skeleton, files.weights, files.complete))
        val best = LinkedHashMap<Delivery, JsonObject>()
        val failures = LinkedHashMap<Delivery, String>()
        repeat(runs) {
            for (delivery in Delivery.values().filterNot { it in failures }) {
                try {
                    val found = load(delivery)
                    best[delivery] = best[delivery]?.let { merged(it, found) } ?: found
                } catch (e: Failure) {
                    failures[delivery] = e.message.orEmpty()
                }
            }
        }
        best.keys.removeAll(failures.keys)
        if (printing.json) printing.out.println(json(best, failures)) else table(best, failures)
        return if (failures.isEmpty()) 0 else 1
    }

    private fun load(delivery: Delivery): JsonObject {
        val paths = listOf(files.skeleton, files.weights, files.complete).map(File::getPath)
        val without = files.without?.let { listOf("--without", it) }.orEmpty()
        val flags = heap?.let { listOf("-Xmx${it}m") }.orEmpty()
        return Child(flags).run(listOf("load") + paths + listOf("--from", delivery.name) + without)
    }

    /** Returns the lower of two values for each name. */
    private fun merged(one: JsonObject, other: JsonObject) = JsonObject().apply {
        for (name in one.keySet()) addProperty(name, minOf(one[name].asDouble, other[name].asDouble))
    }

    private fun json(best: Map<Delivery, JsonObject>, failures: Map<Delivery, String>) = JsonObject().apply {
        for ((delivery, found) in best) add(delivery.name.lowercase(), found)
        for ((delivery, reason) in failures) {
            add(delivery.name.lowercase(), JsonObject().apply { addProperty("failure", reason) })
        }
    }

    private fun table(best: Map<Delivery, JsonObject>, failures: Map<Delivery, String>) {
        val ours = best[Delivery.FRZ]
        row("", "first session", "ours", "tenth session", "ours", "heap", "memory")
        for ((delivery, found) in best) {
            fun number(name: String) = found[name].asDouble
            fun time(of: String) = format("%.0f ms (%.0f ms)", number("${of}_processor_ms"), number("${of}_ms"))
            fun size(name: String) = format("%.0f MiB", number(name) / (1 shl 20))
            fun ratio(of: String): String {
                val own = ours?.let { it["${of}_processor_ms"].asDouble } ?: return ""
                return format("%.2f ×", own / number("${of}_processor_ms"))
            }
            val memory = arrayOf(size("first_heap_bytes"), size("first_peak_bytes"))
            row(delivery.label, time("first"), ratio("first"), time("tenth"), ratio("tenth"), *memory)
        }
        for ((delivery, reason) in failures) printing.out.println("${delivery.label}: $reason")
    }

    private fun row(vararg cells: String) =
        printing.out.println(format("%-34s %18s %7s %18s %7s %9s %9s", *cells).trimEnd())

    private fun format(pattern: String, vararg values: Any) = String.format(Locale.ROOT, pattern, *values)
}
