package io.frz.host

import io.frz.benchmark.InProcess
import io.frz.benchmark.LinuxDevice
import io.frz.benchmark.Manifest
import io.frz.benchmark.Producer
import io.frz.benchmark.Suite
import io.frz.benchmark.SuiteOptions
import io.frz.benchmark.SuiteReport
import io.frz.cli.shell.Failure
import io.frz.cli.shell.Positive
import io.frz.cli.shell.Replacing
import io.frz.cli.shell.replacing
import java.io.File
import java.util.Locale
import java.util.concurrent.Callable
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "suite",
    description = [
        "Run the benchmark suite, which compares compressed networks with dense ones on every available runtime.",
        "Progress is printed to stderr. The exit code is 1 if a test failed or an error is above its tolerance. The",
        "test of growing resolutions does not fail, because it runs until the memory ends."
    ]
)
internal class SuiteCommand : Callable<Int> {
    @Parameters(
        index = "0",
        paramLabel = "ASSETS",
        description = ["The folder that android-decoder/benchmark/assets.py writes."]
    )
    private lateinit var folder: File

    @Option(names = ["-o", "--output"], required = true, paramLabel = "REPORT", description = ["The report to write."])
    private lateinit var output: File

    @Mixin
    private lateinit var existing: Replacing

    @Option(names = ["--short"], description = ["Run only the small networks, and skip the memory test."])
    private var short = false

    @Option(
        names = ["--threads"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Run networks on N threads (default: 1)."]
    )
    private var threads = 1

    @Option(
        names = ["--in-process"],
        description = ["Measure memory in this process, as an app does, instead of in a new process for each network."]
    )
    private var inProcess = false

    @Spec
    private lateinit var spec: CommandSpec

    override fun call(): Int {
        existing.requireWritable(output)
        val manifest = Manifest.read(folder)
        val (runtimes, missing) = HostRuntime.present(threads)
        if (runtimes.isEmpty()) throw Failure("no runtime can run here: ${missing.values.joinToString("; ")}")
        val device = LinuxDevice(hostFacts())
        val isolation = if (inProcess) InProcess(manifest, runtimes, device) else ChildProcess(folder, threads)
        val producer = Producer("frz-host", FrzHost().version, threads, missing)
        val suite = Suite(manifest, runtimes, device, producer, isolation)
        val err = spec.commandLine().err
        val report = suite.run(if (short) SuiteOptions.SHORT else SuiteOptions.FULL) { done, total, step ->
            err.println("[${done + 1}/$total] $step")
            err.flush()
        }
        replacing(output) { it.writeText(report.toJson()) }
        summarize(report)
        return if (isSound(report)) 0 else 1
    }

    private fun summarize(report: SuiteReport) {
        val out = spec.commandLine().out
        for (score in report.scores) {
            val speedup = score.speedup?.let { String.format(Locale.ROOT, "%.2f × as fast as dense", it) }
            val counted = "${score.counted.size} of ${score.counted.size + score.excluded.size} networks count"
            out.println("${score.runtime}: ${speedup ?: "no score"}, $counted")
            for ((network, reason) in score.excluded) out.println("  without $network: $reason")
        }
        for (failure in failures(report)) out.println(failure)
        out.println(String.format(Locale.ROOT, "%s: %.0f s", output, report.seconds))
    }

    private fun isSound(report: SuiteReport): Boolean {
        val variants = report.networks.flatMap { it.variants }
        val learning = report.learning
        return failures(report).isEmpty() && variants.all { it.failure == null && it.error <= it.tolerance } &&
            (learning == null || learning.error <= learning.tolerance)
    }

    /** Returns the failures of the tests that are not about a single network. */
    private fun failures(report: SuiteReport): List<String> =
        listOfNotNull(report.learning?.failure?.let { "learning on the device failed: $it" }) +
            report.sharing.mapNotNull { each ->
                each.failure?.let { "several applications at once failed on ${each.runtime.name}: $it" }
            }
}
