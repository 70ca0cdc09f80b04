package io.frz.demo

import android.view.View
import io.frz.benchmark.SuiteOptions
import java.io.File
import java.io.RandomAccessFile
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode

/** Runs the benchmark suite in the app, and takes a picture of each state of its screen. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class SuiteIT {
    private val app = App().apply { click(R.id.tab_suite) }
    private val camera = Camera(app)
    private val root: View get() = app.activity.findViewById(R.id.suite)

    init {
        app.suite.options = SuiteOptions.SHORT
    }

    @Test
    fun `the suite runs, and its results are shown and shared`() {
        camera.take("suite", "Measure your phone", "Start")
        app.click(R.id.start)
        assertNull(app.suite.state.failure?.text(app.activity))
        val report = app.suite.state.report!!
        println("suite in the app: ${report.seconds} s, speed-up ${report.scores.single().speedup}")
        assertEquals(listOf("lenet5", "srcnn", "vae", "gan"), report.networks.map { it.network.name })
        camera.take("suite-results", "as fast as dense", "geometric means", "LeNet-5: digits", "Correct answers")
        camera.scroll(R.id.suite, 0.35)
        camera.take("suite-networks", "SRCNN: sharper pictures", "Signal-to-noise ratio", "Recognized by LeNet-5")
        camera.scroll(R.id.suite)
        camera.take("suite-end", "Learning on the phone", "Several apps at once", "Share the report", "Measure again")
        app.click(R.id.suite_share)
        waitUntil { app.suite.state.shared == null && shadowHasActivity() }
        check(app.sentReport())
        RuntimeEnvironment.setQualifiers("+night")
        again("suite-night")
        RuntimeEnvironment.setQualifiers("+notnight")
        RuntimeEnvironment.setFontScale(2f)
        again("suite-large")
    }

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-xhdpi")
    fun `landscape`() {
        camera.take("suite-landscape", "Measure your phone", "Start")
    }

    @Test
    fun `cancelling stops the suite, and it can be started again`() {
        app.activity.findViewById(R.id.start).performClick()
        waitUntil { app.suite.state.step?.fraction != null }
        assertTrue(root.keepScreenOn)
        camera.take("suite-running", "Step 1 of ", "LeNet-5: digits", "Cancel", "Leave the phone alone")
        root.findViewById(R.id.cancel).performClick()
        app.settle()
        assertFalse(root.keepScreenOn)
        camera.take("suite-cancelled", "The measurement was cancelled.", "Try again", "Start")
        root.findViewById(R.id.again).performClick()
        waitUntil { app.suite.state.step?.fraction != null }
        root.findViewById(R.id.cancel).performClick()
        app.settle()
        assertNull(app.suite.state.report)
    }

    @Test
    fun `a network that fails does not count, and damaged files end the suite`() {
        val folder = File(app.activity.codeCacheDir, "suite").apply { mkdirs() }
        File(System.getProperty("frz.assets"), "suite").listFiles()!!.forEach { it.copyTo(File(folder, it.name), true) }
        RandomAccessFile(File(folder, "vae.frz"), "rw").use { it.setLength(100) }
        app.click(R.id.start)
        val score = app.suite.state.report!!.scores.single()
        assertEquals(setOf("vae"), score.excluded.keys)
        camera.take("suite-excluded", "Without VAE: written digits: it failed: ")
        File(folder, "lenet5.inputs.f32").writeText("")
        app.click(R.id.start)
        camera.take("suite-failure", "The phone could not be measured: ", "it has 0 bytes", "Try again")
        assertSame(score, app.suite.state.report!!.scores.single())
    }

    @Test
    fun `files that a developer has copied to the phone replace the app's own`() {
        val own = File(app.activity.getExternalFilesDir(null), "suite").apply { mkdirs() }
        File(own, "manifest.json").writeText("{}")
        app.click(R.id.start)
        val failure = app.suite.state.failure!!.text(app.activity)
        assertTrue(failure, "$own" in failure && "format is missing" in failure)
    }

    /** Takes a picture of the results after the activity has been recreated. */
    private fun again(name: String) {
        app.controller.recreate()
        app.settle()
        Camera(app).take(name, "as fast as dense")
    }

    private fun check(report: JSONObject) {
        assertEquals("frz-suite-report", report.getString("format"))
        assertEquals("frz-demo", report.getJSONObject("producer").getString("name"))
        File(System.getProperty("frz.screenshots"), "../suite.json").writeText(report.toString())
        val networks = report.getJSONArray("networks")
        for (at in 0 until networks.length()) {
            val variants = networks.getJSONObject(at).getJSONArray("variants")
            for (index in 0 until variants.length()) {
                val variant = variants.getJSONObject(index)
                assertFalse("$variant", variant.has("failure"))
                assertTrue("$variant", variant.getDouble("error") <= variant.getDouble("tolerance"))
            }
        }
    }

    private fun shadowHasActivity() = org.robolectric.Shadows.shadowOf(app.activity).peekNextStartedActivity() != null

    private fun waitUntil(condition: () -> Boolean) {
        val end = System.nanoTime() + 60_000_000_000L
        while (!condition()) {
            check(System.nanoTime() < end) { "nothing happened in a minute" }
            Thread.sleep(5)
            app.idle()
        }
    }
}
