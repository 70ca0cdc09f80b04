package io.frz.benchmark

import java.io.File
import java.io.IOException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Injects faults into every test of the suite: the test reports its failure, and the others have results. */
class FaultsTest {
    @TempDir
    private lateinit var folder: File

    /** What runtimes throw: errors in files, errors of native code, too little memory, a missing native library. */
    private val faults = listOf<() -> Throwable>(
        { IOException("fault\nin two lines") },
        { IllegalStateException("fault") },
        { OutOfMemoryError("fault") },
        { UnsatisfiedLinkError("fault") },
        { StackOverflowError("fault") }
    )

    /** The smallest suite that contains every test. */
    private val brief = SuiteOptions(1, 1, 0.0, 0.005, false)

    private val producer = Producer("test", "1", 1)

    /** Writes three networks, and all other tests. */
    private fun manifest(): Manifest {
        val assets = AssetsFolder(folder).network("a", "0 1", "0 1").network("b", "0 1", "0 1")
        assets.network("c", "0 1", "0 1")
        File("../elm/src/test/resources/digits.frz").copyTo(File(folder, "layer.frz"), overwrite = true)
        val images = FloatArray(2 * 64) { (it * 7 % 16).toFloat() }
        val learning = mapOf(
            "layer" to "layer.frz",
            "tolerance" to 1.0,
            "train" to assets.tensor("x", listOf(2, 64), images),
            "train_labels" to assets.tensor("y", listOf(2), floatArrayOf(0f, 1f)),
            "test" to assets.tensor("tx", listOf(2, 64), images),
            "test_labels" to assets.tensor("ty", listOf(2), floatArrayOf(0f, 1f)),
            "outputs" to assets.tensor("to", listOf(2, 2), floatArrayOf(1f, 0f, 0f, 1f))
        )
        val memory = mapOf("network" to "a", "variants" to listOf("dense", "factored"), "limit" to 30)
        val sides = mapOf("sides" to listOf(16, 32), "aspect" to 1.0)
        return assets.write("learning" to learning, "memory" to memory + sides)
    }

    /** Runs the suite; [inject] is called with the name of the current step wherever a fault can occur. */
    private fun run(manifest: Manifest, runtime: FakeRuntime, place: String, inject: (String) -> Unit): SuiteReport {
        var step = ""
        when (place) {
            "load" -> runtime.loaded = { inject(step) }
            "run" -> runtime.ran = { inject(step) }
            "close" -> runtime.closed = { inject(step) }
        }
        val isolation = Isolation { trial ->
            if (place == "trial") inject(step)
            Footprint(10L + (trial.height ?: 0), 0)
        }
        val suite = Suite(manifest, listOf(runtime), FakeDevice(), producer, isolation)
        return suite.run(brief) { _, _, name -> step = name }.also(::valid)
    }

    /** Returns the failures in [report]. */
    private fun failures(report: SuiteReport) =
        report.networks.flatMap { it.variants }.mapNotNull { it.failure } + listOfNotNull(report.learning!!.failure) +
            report.sharing.mapNotNull { it.failure } + report.memory.flatMap { it.series }.mapNotNull { it.failure }

    /** Returns the reports of runs in which [place] fails during [step], one for each kind of fault. */
    private fun reports(step: String, vararg places: String): List<SuiteReport> = places.flatMap { place ->
        faults.filter { place != "close" || it() is Exception }.map { fault ->
            val runtime = FakeRuntime("one")
            val report = run(manifest(), runtime, place) { if (it.startsWith(step)) throw fault() }
            assertEquals(0, runtime.open, "networks that are still open after $fault in $place")
            assertEquals(3, report.networks.size)
            assertEquals(1, report.memory.size)
            report
        }
    }

    @Test
    fun `without a fault, every test has results`() {
        val report = run(manifest(), FakeRuntime("one"), "none") {}
        assertEquals(emptyList<String>(), failures(report))
        assertEquals(listOf("a", "b", "c"), report.scores.single().counted)
        assertEquals(3, report.sharing.single().apps.size)
        assertEquals(2, report.learning!!.millis.size)
    }

    @Test
    fun `a network that fails is excluded, and the others share the device`() {
        for (report in reports("Net a", "load", "run", "close", "trial")) {
            assertEquals(listOf("fault", "fault"), failures(report))
            assertEquals(listOf("b", "c"), report.scores.single().counted)
            assertEquals(listOf("b", "c"), report.sharing.single().apps.map { it.name })
        }
    }

    @Test
    fun `several applications report the failure of one`() {
        for (report in reports("several applications", "load", "run")) {
            val failure = failures(report).single()
            assertTrue(failure.matches(Regex("[abc], dense: fault")), failure)
            assertEquals(emptyList<AppResult>(), report.sharing.single().apps)
            assertEquals(listOf("a", "b", "c"), report.scores.single().counted)
        }
        for (report in reports("several applications", "close")) {
            assertEquals("a network could not be closed: fault", failures(report).single())
        }
    }

    @Test
    fun `an application that fails with the variant that the scheduler chose is named`() {
        var dense = 3
        val report = run(manifest(), FakeRuntime("one"), "load") {
            if (it.startsWith("several applications") && dense-- == 0) throw IOException("fault")
        }
        assertTrue(failures(report).single().matches(Regex("a, (dense|factored): fault")))
    }

    @Test
    fun `growing resolutions end where a trial fails`() {
        for (report in reports("growing resolutions", "trial")) {
            assertEquals(listOf("fault", "fault"), failures(report))
            assertNull(report.memory.single().pixelRatio)
        }
    }

    @Test
    fun `damaged files are failures of the tests that need them`() {
        val whole = manifest()
        fun damaged(name: String): SuiteReport {
            val file = File(folder, name)
            val bytes = file.readBytes()
            file.writeBytes(bytes.copyOf(bytes.size / 2))
            return run(whole, FakeRuntime("one"), "none") {}.also { file.writeBytes(bytes) }
        }
        for (name in listOf("a.in", "a.target")) {
            val report = damaged(name)
            assertEquals(2, failures(report).size, name)
            assertTrue(failures(report).all { "bytes, not" in it }, name)
            assertEquals(listOf("b", "c"), report.scores.single().counted)
        }
        assertEquals(listOf("a"), damaged("a.small.out").scores.single().excluded.keys.toList())
        for (name in listOf("layer.frz", "x", "ty")) {
            val report = damaged(name)
            assertEquals(failures(report).single(), report.learning!!.failure, name)
            assertEquals(3, report.sharing.single().apps.size)
        }
    }
}
