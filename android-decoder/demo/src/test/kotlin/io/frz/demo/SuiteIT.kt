package io.frz.demo

import android.content.Context
import android.os.PowerManager
import android.view.View
import io.frz.benchmark.AppResult
import io.frz.benchmark.SharingResult
import io.frz.benchmark.SuiteOptions
import io.frz.benchmark.SuiteReport
import io.frz.benchmark.ThermalStatus
import io.frz.demo.suite.SuiteState
import io.frz.demo.work.Message
import io.frz.demo.work.Step
import java.io.File
import java.io.RandomAccessFile
import org.json.JSONArray
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
import org.robolectric.Shadows.shadowOf
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
        camera.take("suite-results", "fast as dense", "geometric means", "LeNet-5: digits", "Correct answers")
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
    fun `a network that fails does not count, and a damaged manifest ends the suite`() {
        val folder = unpacked()
        RandomAccessFile(File(folder, "vae.frz"), "rw").use { it.setLength(100) }
        app.click(R.id.start)
        val score = app.suite.state.report!!.scores.single()
        assertEquals(setOf("vae"), score.excluded.keys)
        camera.take("suite-excluded", "Without VAE: written digits: it failed: ")
        File(folder, "manifest.json").writeText("")
        app.click(R.id.start)
        camera.take("suite-failure", "The phone could not be measured: ", "manifest.json", "Try again")
        assertSame(score, app.suite.state.report!!.scores.single())
    }

    @Test
    fun `other tests that fail, growing resolutions and a hot phone are shown`() {
        val manager = app.activity.getSystemService(Context.POWER_SERVICE) as PowerManager
        shadowOf(manager).setCurrentThermalStatus(ThermalStatus.MODERATE.ordinal)
        val folder = unpacked()
        val manifest = File(folder, "manifest.json")
        val memory = JSONObject(mapOf("network" to "srcnn", "limit" to (1 shl 29), "aspect" to 1))
            .put("variants", JSONArray(listOf("dense", "factored"))).put("sides", JSONArray(listOf(32, 64)))
        manifest.writeText(JSONObject(manifest.readText()).put("memory", memory).toString())
        File(folder, "learning.frz").writeText("")
        app.suite.options = brief()
        app.click(R.id.start)
        val report = app.suite.state.report!!
        assertTrue(report.learning!!.failure, "learning.frz" in report.learning!!.failure!!)
        assertEquals(ThermalStatus.MODERATE, report.networks[0].heat.status)
        camera.take("suite-hot", "The phone got hot and slowed down noticeably.")
        app.suite.listener!!(SuiteState(report = withoutSharing(report)))
        camera.scroll(R.id.suite)
        val texts = arrayOf("Several apps at once", "This test failed: gan, dense: ", "Growing resolutions")
        camera.take("suite-failed", "This test failed: ", "pixels within 537 MB", "Learning on the phone", *texts)
    }

    @Test
    fun `no network counts if every network fails`() {
        val folder = unpacked()
        for (name in listOf("lenet5", "srcnn", "vae", "gan")) File(folder, "$name.frz").writeText("")
        app.suite.listener!!(SuiteState(step = Step(Message(R.string.suite_unpacking))))
        camera.take("suite-unpacking", "Unpacking the networks…", "Cancel")
        app.suite.options = brief()
        app.click(R.id.start)
        assertNull(app.suite.state.report!!.scores.single().speedup)
        camera.take("suite-none", "No network counts", "Without LeNet-5: digits: it failed: ")
    }

    @Test
    fun `files that a developer has copied to the phone replace the app's own`() {
        val own = File(app.activity.getExternalFilesDir(null), "suite").apply { mkdirs() }
        File(own, "manifest.json").writeText("{}")
        app.click(R.id.start)
        val failure = app.suite.state.failure!!.text(app.activity)
        assertTrue(failure, "$own" in failure && "format is missing" in failure)
    }

    /** Returns the folder with the files of the suite, which the app has already unpacked. */
    private fun unpacked() = File(app.activity.codeCacheDir, "suite").apply {
        File(System.getProperty("frz.assets"), "suite").copyRecursively(this, overwrite = true)
    }

    /** Returns options with which every test, including growing resolutions, takes a moment. */
    private fun brief(): SuiteOptions = create(1, 9, 0.0, 0.05, false)

    /** Returns [report] as if the test of several apps had failed. */
    private fun withoutSharing(report: SuiteReport): SuiteReport {
        val runtime = report.sharing.single().runtime
        val reason = "gan, dense: the file cannot be read"
        val failed: SharingResult = create(runtime, 0L, 0.0, emptyList<AppResult>(), report.sharing[0].heat, reason)
        val context = SuiteReport::class.java.declaredFields.first { it.name == "context" }
            .apply { isAccessible = true }.get(report)
        val (networks, learning) = report.networks to report.learning
        return create(context, report.seconds, networks, learning, listOf(failed), report.memory, report.scores)
    }

    /** Calls the constructor of a class, even if it is not visible in this module. */
    private inline fun <reified T> create(vararg arguments: Any?): T =
        T::class.java.declaredConstructors.first { it.parameterCount == arguments.size }
            .apply { isAccessible = true }.newInstance(*arguments) as T

    /** Takes a picture of the results after the activity has been recreated. */
    private fun again(name: String) {
        app.controller.recreate()
        app.settle()
        Camera(app).take(name, "fast as dense")
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

    private fun shadowHasActivity() = shadowOf(app.activity).peekNextStartedActivity() != null

    private fun waitUntil(condition: () -> Boolean) {
        val end = System.nanoTime() + 60_000_000_000L
        while (!condition()) {
            check(System.nanoTime() < end) { "nothing happened in a minute" }
            Thread.sleep(5)
            app.idle()
        }
    }
}
