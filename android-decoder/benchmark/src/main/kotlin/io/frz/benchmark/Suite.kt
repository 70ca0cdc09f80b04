package io.frz.benchmark

import androidx.annotation.WorkerThread
import io.frz.benchmark.internal.INTERRUPTED
import io.frz.benchmark.internal.LearningTest
import io.frz.benchmark.internal.MemoryTest
import io.frz.benchmark.internal.NetworkTest
import io.frz.benchmark.internal.SharingTest
import io.frz.benchmark.internal.checkInterrupted
import io.frz.benchmark.internal.since
import java.io.IOException
import java.io.InterruptedIOException
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone

/**
 * The benchmark suite, which compares compressed networks on this device with dense ones in the same run.
 *
 * ```
 * val suite = Suite(Manifest.read(folder), listOf(onnxRuntime), LinuxDevice(facts), Producer("my-app", "1.0", 1))
 * val report = suite.run(SuiteOptions.FULL) { done, total, step -> show(done, total, step) }
 * File("report.json").writeText(report.toJson())
 * ```
 *
 * @param manifest the contents of the assets folder
 * @param runtimes the runtimes to measure
 * @param device the device
 * @param producer the program that runs the suite
 * @param isolation measures memory; the default does so in this process
 */
public class Suite @JvmOverloads constructor(
    private val manifest: Manifest,
    private val runtimes: List<BenchmarkRuntime>,
    private val device: Device,
    private val producer: Producer,
    private val isolation: Isolation = InProcess(manifest, runtimes, device)
) {
    init {
        require(runtimes.isNotEmpty()) { "the suite needs at least one runtime" }
    }

    /**
     * Runs all tests, which takes minutes; call it on a background thread. A network or another test that fails is
     * reported as such, and the suite continues.
     *
     * @throws InterruptedIOException if the thread is interrupted, which ends the suite
     */
    @JvmOverloads
    @Throws(IOException::class)
    @WorkerThread
    public fun run(options: SuiteOptions, progress: SuiteProgress = SuiteProgress { _, _, _ -> }): SuiteReport {
        val start = System.nanoTime()
        val created = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT)
            .apply { timeZone = TimeZone.getTimeZone("UTC") }.format(Date())
        val tested = manifest.networks.filter { it.isShort || !options.isShort }
        val growing = manifest.memory.takeUnless { options.isShort }
        val networks = ArrayList<NetworkResult>()
        var learning: LearningResult? = null
        val sharing = ArrayList<SharingResult>()
        val memory = ArrayList<MemoryResult>()
        val steps = ArrayList<Pair<String, () -> Unit>>()
        for (runtime in runtimes) {
            for (network in tested) {
                steps.add(
                    "${network.title}, ${runtime.name}" to {
                        networks.add(NetworkTest(manifest, network, runtime, device, isolation, options).run())
                    }
                )
            }
        }
        manifest.learning?.let {
            steps.add("learning on the device" to { learning = LearningTest(manifest, it, device).run() })
        }
        for (runtime in runtimes) {
            steps.add(
                "several applications at once, ${runtime.name}" to {
                    SharingTest(manifest, runtime, networks, device, options).run()?.let(sharing::add)
                }
            )
            growing?.let {
                steps.add(
                    "growing resolutions, ${runtime.name}" to {
                        memory.add(MemoryTest(it, runtime, isolation).run())
                    }
                )
            }
        }
        for ((done, step) in steps.withIndex()) {
            checkInterrupted()
            progress.onStep(done, steps.size, step.first)
            try {
                step.second()
            } catch (_: InterruptedException) {
                throw InterruptedIOException(INTERRUPTED)
            }
        }
        val context = ReportContext(
            created,
            producer,
            device.facts,
            producer.threads,
            runtimes,
            producer.missing,
            options.isShort
        )
        val scores = runtimes.map { Score.of(it, networks) }
        return SuiteReport(context, since(start) / 1e3, networks, learning, sharing, memory, scores)
    }
}
