package io.frz.host

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.benchmark.BenchmarkException
import io.frz.benchmark.Footprint
import io.frz.benchmark.InProcess
import io.frz.benchmark.Isolation
import io.frz.benchmark.LinuxDevice
import io.frz.benchmark.Manifest
import io.frz.benchmark.Trial
import java.io.File
import java.util.concurrent.TimeUnit
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
        val output = File.createTempFile("frz-trial", ".json")
        val errors = File.createTempFile("frz-trial", ".txt")
        try {
            val process = ProcessBuilder(command(trial)).redirectOutput(output).redirectError(errors).start()
            try {
                if (!process.waitFor(LONGEST_MINUTES, TimeUnit.MINUTES)) {
                    throw BenchmarkException("$trial: it took more than $LONGEST_MINUTES minutes")
                }
            } finally {
                process.destroyForcibly()
            }
            if (process.exitValue() != 0) {
                val reason = errors.readLines().firstOrNull { it.isNotBlank() } ?: "exit code ${process.exitValue()}"
                throw BenchmarkException("$trial: ${reason.removePrefix("frz-host: ")}")
            }
            val result = JsonParser.parseString(output.readText()).asJsonObject
            return Footprint(result.get("native")?.asLong, result.get("heap").asLong)
        } finally {
            output.delete()
            errors.delete()
        }
    }

    private fun command(trial: Trial): List<String> {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val native = System.getProperty("frz.native")?.let { listOf("-Dfrz.native=$it") }.orEmpty()
        val height = trial.height?.let { listOf("--height", "$it") }.orEmpty()
        return listOf(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1") + native +
            listOf("-cp", System.getProperty("java.class.path"), "io.frz.host.FrzHostKt", "trial", folder.path) +
            listOf("--network", trial.network, "--variant", trial.variant, "--runtime", trial.runtime) +
            listOf("--threads", "$threads") + height
    }

    private companion object {
        const val LONGEST_MINUTES = 5L
    }
}
