package io.frz.benchmark

import io.frz.benchmark.internal.MemoryTest
import io.frz.benchmark.internal.SharingTest
import java.io.File
import java.io.IOException
import java.io.InterruptedIOException
import java.util.concurrent.atomic.AtomicInteger
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Runs the suite with runtimes whose speed and faults are known. */
class SuiteTest {
    @TempDir
    private lateinit var folder: File

    private val device = FakeDevice()
    private val producer = Producer("test", "1", 1, mapOf("other" to "not in this build"))

    /** Reports 10 bytes for dense networks and 5 for other networks, plus 1 for each row of the input. */
    private val footprints = Isolation { trial ->
        Footprint((if (trial.variant == "dense") 10L else 5L) + (trial.height ?: 0), 0)
    }

    private fun run(manifest: Manifest, vararg runtimes: BenchmarkRuntime, isolation: Isolation = footprints) =
        Suite(manifest, runtimes.toList(), device, producer, isolation).run(SuiteOptions.SHORT)

    @Test
    fun `every value is measured`() {
        val runtime = FakeRuntime("one")
        val report = run(AssetsFolder(folder).network("a", "4 1", "1 1").write(), runtime)
        val score = report.scores.single()
        assertTrue(score.speedup!! > 0)
        assertTrue(report.networks.single().dense.millis.all { it >= 4 })
        assertEquals(2.0, score.memoryRatio!!, 1e-9)
        assertEquals(listOf("a"), score.counted)
        assertEquals(0, runtime.open, "networks that are still open")
        val variant = report.networks.single().variant("factored")
        assertEquals(1.0, variant.score)
        assertEquals(0.0, variant.error)
        assertEquals(31.5, report.networks.single().heat.temperature)
        assertEquals(4L, variant.fileBytes) // "1 1" and "w"
        valid(report)
    }

    @Test
    fun `lists of a report cannot be changed`() {
        val manifest = AssetsFolder(folder).network("a", "2 1", "1 1").network("b", "2 1", "1 1").write()
        val report = run(manifest, FakeRuntime("one"))
        val network = report.networks.first()
        val sharing = SharingResult(one, 0, 1.0, arrayListOf(AppResult("a", "dense", 1.0, 1.0, 1.0, 1.0)))
        val series = MemorySeries("dense", arrayListOf(MemoryStep(1, 1, 1)), null)
        val lists = listOf(
            report.networks, report.sharing, report.memory, report.scores, report.scores.single().counted,
            network.variants, network.dense.millis, manifest.networks, network.network.variants, sharing.apps,
            series.steps, MemoryResult(one, 1, arrayListOf(series)).series
        )
        for (list in lists) {
            assertThrows(UnsupportedOperationException::class.java) { (list as MutableList<*>).removeAt(0) }
        }
        val excluded = report.scores.single().excluded as MutableMap<*, *>
        assertThrows(UnsupportedOperationException::class.java) { excluded.clear() }
    }

    @Test
    fun `a network that is worse than 98 percent of dense does not count`() {
        // A negative factor reverses which class wins.
        val report = run(AssetsFolder(folder).network("a", "2 1", "1 -1").write(), FakeRuntime("one"))
        val score = report.scores.single()
        assertNull(score.speedup)
        assertEquals("its task score is below 98 % of the dense network's", score.excluded["a"])
        valid(report)
    }

    /** Returns the result of a network with these times, in ms; [score] is that of the compressed variant. */
    private fun result(name: String, dense: List<Double>, small: List<Double>, score: Double = 1.0): NetworkResult {
        val manifest = AssetsFolder(folder).network(name, "1 1", "1 1").write()
        val variants = listOf("dense" to dense, "factored" to small).map { (variant, millis) ->
            val (bytes, memory) = if (variant == "dense") 1000L to 60L else 10L to 20L
            val share = if (variant == "dense") 1.0 else score
            VariantResult(variant, bytes, 1.0, 1.0, millis, 0.0, 1e-4, share, Footprint(memory, 0))
        }
        return NetworkResult(manifest.networks.single(), one, variants)
    }

    /** Returns the result of a network that this test does not measure: the dense one takes 4 ms, the other 1 ms. */
    private fun result(network: NetworkAssets, runtime: BenchmarkRuntime): NetworkResult {
        val variants = network.variants.map { variant ->
            val millis = listOf(if (variant.name == "dense") 4.0 else 1.0)
            val memory = if (variant.name == "dense") 10L else 5L
            VariantResult(variant.name, 9, 1.0, 1.0, millis, 0.0, 1e-4, 1.0, Footprint(memory, 0))
        }
        return NetworkResult(network, runtime, variants)
    }

    private val one = FakeRuntime("one")

    @Test
    fun `the score is the geometric mean of the median speed-ups`() {
        val a = result("a", listOf(8.0, 8.0, 800.0), listOf(4.0, 2.0, 100.0)) // ratios 2, 4, 8
        val b = result("b", listOf(9.0, 90.0), listOf(1.0, 10.0))
        val worse = result("c", listOf(100.0), listOf(1.0), score = 0.9799)
        val score = Score.of(one, listOf(a, b, worse))
        assertEquals(6.0, score.speedup!!, 1e-9)
        assertEquals(100.0, score.bytesRatio!!, 1e-9)
        assertEquals(3.0, score.memoryRatio!!, 1e-9)
        assertEquals(listOf("a", "b"), score.counted)
        assertEquals(setOf("c"), score.excluded.keys)
        assertEquals(listOf("c"), Score.of(one, listOf(result("c", listOf(1.0), listOf(1.0), 0.98))).counted)
        assertNull(Score.of(FakeRuntime("two"), listOf(a)).speedup)
    }

    @Test
    fun `an error above the tolerance does not count`() {
        val report = run(AssetsFolder(folder).network("a", "1 1", "1 1").write(), FakeRuntime("one", extra = 1.01f))
        assertEquals("its error is above the tolerance", report.scores.single().excluded["a"])
        assertEquals(0.01, report.networks.single().variants[1].error, 1e-6)
        valid(report)
    }

    @Test
    fun `a variant that fails does not affect other variants and runtimes`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "broken x").write()
        val report = run(manifest, FakeRuntime("one"), FakeRuntime("two"))
        assertEquals(2, report.networks.size)
        val (dense, factored) = report.networks[0].variants
        assertNull(dense.failure)
        assertEquals("this model is broken", factored.failure)
        assertEquals("it failed: this model is broken", report.scores[1].excluded["a"])
        valid(report)
    }

    @Test
    fun `a failed trial is a failure of its variant`() {
        val isolation = Isolation { throw BenchmarkException("the process ended with code 137") }
        val report =
            run(AssetsFolder(folder).network("a", "1 1", "1 1").write(), FakeRuntime("one"), isolation = isolation)
        assertEquals("the process ended with code 137", report.networks[0].dense.failure)
        valid(report)
    }

    @Test
    fun `unknown memory is omitted`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write()
        val runtime = FakeRuntime("one")
        val report = Suite(manifest, listOf(runtime), device, producer).run(SuiteOptions.SHORT)
        val footprint = assertNotNull(report.networks[0].dense.footprint).let { report.networks[0].dense.footprint!! }
        assertNull(footprint.native)
        assertNull(report.scores[0].memoryRatio)
        valid(report)
    }

    @Test
    fun `memory that is less than the files is unknown, because the process has reused memory`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write()
        for ((growth, native) in listOf(3L to null, 4L to 4L, 5L to 5L)) { // The files have four bytes: "1 1" and "w".
            val growing = object : Device by device {
                override fun resident() = 100L

                override fun peak() = 100L + growth

                override fun forgetPeak() = true
            }
            val trials = InProcess(manifest, listOf(one), growing)
            assertEquals(native, trials.measure(Trial("a", "factored", "one")).native)
        }
    }

    @Test
    fun `the short form omits other networks and the memory test`() {
        val assets = AssetsFolder(folder).network("a", "1 1", "1 1").network("b", "1 1", "1 1")
        val manifest = assets.write("memory" to memory("b", limit = 100))
        val steps = ArrayList<String>()
        val suite = Suite(manifest, listOf(FakeRuntime("one")), device, producer, footprints)
        val report = suite.run(SuiteOptions.SHORT) { done, total, step -> steps.add("$done/$total $step") }
        assertEquals(listOf("0/2 Net a, one", "1/2 several applications at once, one"), steps)
        assertEquals(listOf("a"), report.networks.map { it.network.name })
        assertEquals(emptyList<MemoryResult>(), report.memory)
        assertEquals(emptyList<SharingResult>(), report.sharing) // a single network shares the device with no other
    }

    @Test
    fun `resolutions grow until the memory limit is exceeded`() {
        val memory = mapOf(
            "network" to "a",
            "variants" to listOf("dense", "factored"),
            "limit" to 40,
            "sides" to listOf(16, 32, 48, 64),
            "aspect" to 1.0
        )
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write("memory" to memory)
        val test = MemoryTest(manifest.memory!!, FakeRuntime("one"), footprints).run()
        val (dense, factored) = test.series
        assertEquals(listOf(26L, 42L), dense.steps.map { it.peak })
        assertEquals(listOf(21L, 37L, 53L), factored.steps.map { it.peak })
        // The limit of 40 is 14/16 of the way from 16² to 32² pixels, and 3/16 of the way from 32² to 48².
        assertEquals(256 + 14.0 / 16 * 768, dense.pixelsWithin(40))
        assertEquals((1024 + 3.0 / 16 * 1280) / (256 + 14.0 / 16 * 768), test.pixelRatio!!, 1e-9)
        assertNull(dense.pixelsWithin(20))
        assertEquals(1024.0, dense.pixelsWithin(100))
    }

    @Test
    fun `several applications get the variants that the scheduler chooses`() {
        val manifest = AssetsFolder(folder).network("a", "4 1", "1 1").network("b", "4 1", "1 1").write()
        val clock = FakeClock()
        val runtime = FakeRuntime("one").also { it.spend = clock::sleep }
        val networks = manifest.networks.map { result(it, runtime) }
        val sharing = SharingTest(manifest, runtime, networks, device, SuiteOptions.SHORT, clock).run()!!
        assertEquals(10L, sharing.memory) // half of two dense networks of 10 bytes
        assertEquals(listOf("factored", "factored"), sharing.apps.map { it.variant })
        assertEquals(2.0, sharing.capacity, 1e-9) // each application has a processor of its own
        for (app in sharing.apps) {
            assertEquals(250.0, app.dense, 1e-9)
            assertEquals(500.0, app.goal, 1e-9)
            assertEquals(500.0, app.scheduled, 1e-9) // of the 1000 that are possible
        }
        assertEquals(0, runtime.open)
    }

    @Test
    fun `a report of all tests is valid`() {
        val step = MemoryStep(112, 160, 100)
        val series = listOf(MemorySeries("dense", listOf(step), null), MemorySeries("factored", listOf(), "killed"))
        val growth = MemoryResult(one, 50, series)
        val app = AppResult("a", "factored", 0.5, 30.0, 29.0, 14.0)
        val a = result("a", listOf(8.0), listOf(4.0))
        val time = "2026-11-27T08:00:00Z"
        val context = ReportContext(time, producer, device.facts, 1, listOf(one), producer.missing, false)
        val sharing = SharingResult(one, 10, 1.5, listOf(app, app))
        val scores = listOf(Score.of(one, listOf(a)))
        valid(SuiteReport(context, 1.0, listOf(a), null, listOf(sharing), listOf(growth), scores))
        assertNull(growth.pixelRatio)
    }

    @Test
    fun `the memory test ends where memory is unknown or a trial fails`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write("memory" to memory("a", limit = 40))
        val isolation = Isolation { trial ->
            if (trial.variant == "dense") throw BenchmarkException("$trial: killed")
            Footprint(null, 0)
        }
        val (dense, other) = MemoryTest(manifest.memory!!, one, isolation).run().series
        assertEquals("a, dense, on one at height 16: killed", dense.failure)
        assertEquals("the peak memory is unknown", other.failure)
        val trials = InProcess(manifest, listOf(one), device)
        for (trial in listOf(Trial("a", "none", "one"), Trial("a", "dense", "two"), Trial("b", "dense", "one"))) {
            assertThrows(BenchmarkException::class.java) { trials.measure(trial) }
        }
    }

    @Test
    fun `the worst thermal status of each test is reported`() {
        device.statuses.addAll(listOf(ThermalStatus.LIGHT, ThermalStatus.SEVERE, ThermalStatus.NONE))
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").also { it.more = mapOf("short" to true) }
            .network("b", "1 1", "1 1").write()
        val report = run(manifest, FakeRuntime("one"))
        assertEquals(listOf(ThermalStatus.SEVERE, ThermalStatus.NONE), report.networks.map { it.heat.status })
        assertEquals(0.4, report.sharing.single().heat.headroom)
        assertTrue("\"thermal_status\": \"severe\"" in report.toJson())
        valid(report)
    }

    @Test
    fun `an interrupt ends the suite`() {
        val runtime = FakeRuntime("one")
        val suite = Suite(AssetsFolder(folder).network("a", "1 1", "1 1").write(), listOf(runtime), device, producer)
        Thread.currentThread().interrupt()
        assertThrows(InterruptedIOException::class.java) { suite.run(SuiteOptions.FULL) }
        assertEquals(0, runtime.open)
    }

    @Test
    fun `an interrupt while a network is loaded ends the suite and is not a failure of the network`() {
        val runtime = FakeRuntime("one")
        runtime.loaded = {
            Thread.currentThread().interrupt()
            throw IOException("loading was cancelled")
        }
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write("memory" to memory("a", limit = 100))
        val suite = Suite(manifest, listOf(runtime), device, producer, footprints)
        assertThrows(InterruptedIOException::class.java) { suite.run(SuiteOptions.FULL) }
        val isolation = Isolation {
            runtime.loaded()
            Footprint(1, 0)
        }
        val growing = MemoryTest(manifest.memory!!, runtime, isolation)
        assertThrows(InterruptedIOException::class.java) { growing.run() }
    }

    @Test
    fun `an interrupt while a trial waits ends the suite`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").write()
        val runtime = FakeRuntime("one")
        val waiting = Isolation { throw InterruptedException() }
        assertThrows(InterruptedIOException::class.java) { run(manifest, runtime, isolation = waiting) }
        assertEquals(0, runtime.open)
    }

    @Test
    fun `after an interrupt, applications end soon, and then their networks are freed`() {
        val manifest = AssetsFolder(folder).network("a", "1 1", "1 1").let {
            it.more = mapOf("short" to true)
            it.network("b", "1 1", "1 1").write()
        }
        val runtime = FakeRuntime("one")
        val networks = manifest.networks.map { result(it, runtime) }
        val test = SharingTest(manifest, runtime, networks, device, SuiteOptions.FULL)
        val main = Thread.currentThread()
        val runs = AtomicInteger()
        runtime.spend = {
            if (Thread.currentThread() !== main) {
                if (runs.getAndIncrement() == 0) main.interrupt()
                while (!Thread.currentThread().isInterrupted) Thread.yield()
                busy(100_000_000)
            }
        }
        assertThrows(InterruptedException::class.java) { test.run() }
        assertTrue(runs.get() in 1..2, "${runs.get()} runs of two applications")
        assertEquals(0, runtime.open)
        assertEquals(0, runtime.closedWhileRunning)
    }

    @Test
    fun `a judge scores the outputs`() {
        File(folder, "judge.txt").writeText("1 9")
        val judged = mapOf("metric" to "confidence", "judge" to mapOf("txt" to "judge.txt"))
        val least = floatArrayOf(0.99f, 0.99999f) // the judge's logits are 9, 18 and 36, 27
        val manifest = AssetsFolder(folder).also { it.more = judged }.network("a", "1 1", "1 1", least).write()
        val runtime = FakeRuntime("one")
        val variant = run(manifest, runtime).networks.single().variant("factored")
        assertNull(variant.failure)
        assertEquals(0.5, variant.score) // both probabilities are 0.9999
        assertEquals(0, runtime.open)
        val other = AssetsFolder(folder).also { it.more = judged + ("judge" to mapOf("onnx" to "judge.onnx")) }
        val failure = run(other.network("a", "1 1", "1 1", least).write(), runtime).networks.single().dense.failure
        assertEquals("the judge has no .txt model; make the assets again", failure)
    }

    @Test
    fun `this device reports its memory`() {
        val linux = LinuxDevice(emptyMap())
        if (File("/proc/self/status").exists()) assertTrue(linux.resident()!! <= linux.peak()!!)
        assertTrue(linux.temperature().let { it == null || it in 1.0..150.0 })
    }

    private fun memory(network: String, limit: Int) = mapOf(
        "network" to network,
        "variants" to listOf("dense", "factored"),
        "limit" to limit,
        "sides" to listOf(16, 32),
        "aspect" to 1.0
    )
}
