package io.frz.host

import com.google.gson.JsonObject
import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.Footprint
import io.frz.benchmark.InProcess
import io.frz.benchmark.Isolation
import io.frz.benchmark.LinuxDevice
import io.frz.benchmark.Manifest
import io.frz.benchmark.Trial
import io.frz.cli.shell.Failure
import java.io.File
import picocli.CommandLine.Command
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "trial",
    hidden = true,
    description = ["Load and run one network of the suite, and print, as JSON, the memory that it takes."]
)
internal class TrialCommand : Runnable {
    @Parameters(index = "0", paramLabel = "ASSETS")
    private lateinit var folder: File

    @Option(names = ["--network"], required = true)
    private lateinit var network: String

    @Option(names = ["--variant"], required = true)
    private lateinit var variant: String

    @Option(names = ["--runtime"], required = true)
    private lateinit var runtime: String

    @Option(names = ["--height"])
    private var height: Int? = null

    @Option(names = ["--threads"])
    private var threads = 1

    @Spec
    private lateinit var spec: CommandSpec

    override fun run() {
        val (runtimes, _) = HostRuntime.present(threads)
        val trials = InProcess(Manifest.read(folder), runtimes, LinuxDevice(hostFacts()))
        val found = trials.measure(Trial(network, variant, runtime, height))
        val result = JsonObject()
        found.native?.let { result.addProperty("native", it) }
        result.addProperty("heap", found.heap)
        spec.commandLine().out.println(result)
    }
}

/** Measures each trial in a separate Java process, in which no memory is left over from earlier tests. */
internal class ChildProcess(private val folder: File, private val threads: Int) : Isolation {
    override fun measure(trial: Trial): Footprint {
        val height = trial.height?.let { listOf("--height", "$it") }.orEmpty()
        val arguments = listOf("--network", trial.network, "--variant", trial.variant, "--runtime", trial.runtime)
        val result = try {
            Child().run(listOf("trial", folder.path, "--threads", "$threads") + arguments + height)
        } catch (e: Failure) {
            throw BenchmarkException("$trial: ${e.message}", e)
        }
        return Footprint(result.get("native")?.asLong, result.get("heap").asLong)
    }
}
