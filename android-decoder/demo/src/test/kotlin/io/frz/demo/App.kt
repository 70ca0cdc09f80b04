package io.frz.demo

import android.content.Intent
import android.net.Uri
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.widget.TextView
import io.frz.demo.compare.Choice
import io.frz.demo.compare.ComparePresenter
import io.frz.demo.compare.CompareScreen
import io.frz.demo.compare.CompareState
import io.frz.demo.learn.LearnPresenter
import io.frz.demo.suite.SuitePresenter
import io.frz.host.LiteRuntime
import java.io.File
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlin.math.abs
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Assume.assumeTrue
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** The app, started from its APK, with the lite interpreter that phones use. */
internal class App(begin: ActivityController<MainActivity>.() -> ActivityController<MainActivity> = { setup() }) {
    val controller: ActivityController<MainActivity>

    val activity: MainActivity get() = controller.get()
    val compare: ComparePresenter get() = activity.kept.compare
    val learn: LearnPresenter get() = activity.kept.learn
    val suite: SuitePresenter get() = activity.kept.suite
    val screen: CompareScreen get() = activity.screen
    val state: CompareState get() = compare.state

    /** Milliseconds from the start of the activity until the first answer is on the screen. */
    val startTime: Double

    /** The processor time of the same period in milliseconds; other programs on the machine hardly affect it. */
    val startCpuTime: Double

    init {
        assumeTrue(LiteRuntime.obstacle, LiteRuntime.obstacle == null)
        LiteRuntime.start()
        val start = System.nanoTime()
        val cpu = cpuTime()
        controller = Robolectric.buildActivity(MainActivity::class.java).begin()
        settle()
        startTime = (System.nanoTime() - start) / 1e6
        startCpuTime = (cpuTime() - cpu) / 1e6
    }

    /** Lets the app's main thread finish its pending work. */
    fun idle(): Unit = shadowOf(Looper.getMainLooper()).idle()

    /** Waits until the app is idle. */
    fun settle() {
        val end = System.nanoTime() + PATIENCE
        do {
            Thread.sleep(5)
            idle()
            check(System.nanoTime() < end) { "the app is still busy: ${state.step?.message?.text(activity)}" }
        } while (state.step != null || !learn.isIdle || suite.state.step != null)
        idle()
    }

    fun click(id: Int) {
        activity.findViewById(id).performClick()
        settle()
    }

    fun show(choice: Choice) {
        compare.show(choice)
        settle()
    }

    /** Returns the number of the network called [name]; skips the test if the app does not have it. */
    fun network(name: String): Int {
        val index = compare.networks.indexOfFirst { it.name == name }
        assumeTrue("there is no $name among the assets", index >= 0)
        return index
    }

    /** Returns the buttons below the picture: one for each picture, and one for the user's own. */
    fun thumbnails(): List<View> =
        (activity.findViewById(R.id.thumbnails) as ViewGroup).run { List(childCount, ::getChildAt) }

    /** Returns the number of the thumbnail that is marked as shown. */
    fun selected(): Int = thumbnails().indexOfFirst { it.isSelected }

    fun text(id: Int): String = (activity.findViewById(id) as TextView).text.toString()

    /** Returns all texts and content descriptions on the visible screen. */
    fun texts(): List<String> = views().flatMap { listOfNotNull((it as? TextView)?.text, it.contentDescription) }
        .map { it.toString() }.filter { it.isNotEmpty() }

    /** Returns the visible views below [view]. */
    fun views(view: View = activity.window.decorView): List<View> = when {
        view.visibility != View.VISIBLE -> emptyList()
        view is ViewGroup -> List(view.childCount) { views(view.getChildAt(it)) }.flatten() + view
        else -> listOf(view)
    }

    fun isVisible(id: Int): Boolean = activity.findViewById(id).isShown

    /** Returns the request to send something that the app has handed to the system's share sheet. */
    fun sent(): Intent {
        val chooser = shadowOf(activity).nextStartedActivity
        assertEquals(Intent.ACTION_CHOOSER, chooser.action)
        val send = chooser.getParcelableExtra<Intent>(Intent.EXTRA_INTENT)!!
        assertEquals(Intent.ACTION_SEND, send.action)
        assertTrue(send.flags and Intent.FLAG_GRANT_READ_URI_PERMISSION != 0)
        return send
    }

    /** Reads the report that the app has handed to the share sheet. */
    fun sentReport(): JSONObject {
        val uri = sent().getParcelableExtra<Uri>(Intent.EXTRA_STREAM)!!
        val stream = activity.contentResolver.openInputStream(uri)!!
        return JSONObject(stream.use { it.readBytes().toString(Charsets.UTF_8) })
    }

    private fun cpuTime() =
        (ManagementFactory.getOperatingSystemMXBean() as com.sun.management.OperatingSystemMXBean).processCpuTime

    companion object {
        /** The time after which an app that is still busy is considered stuck: ten minutes, in nanoseconds. */
        private const val PATIENCE = 600_000_000_000L

        /** Returns the desktop's results for the pictures of the network called [name]. */
        fun desktop(name: String): JSONObject =
            JSONObject(File(System.getProperty("frz.desktop"), "$name.json").readText())

        /** Returns the elements of [output], an output in a report. */
        fun values(output: JSONObject): FloatArray {
            val bytes = Base64.getDecoder().decode(output.getJSONObject("values").getString("data"))
            val floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
            return FloatArray(floats.remaining()).also { floats.get(it) }
        }

        /** Returns the largest difference between two outputs. */
        fun difference(a: FloatArray, b: FloatArray): Float {
            require(a.size == b.size) { "${a.size} elements against ${b.size}" }
            return a.indices.maxOf { abs(a[it] - b[it]) }
        }
    }
}
