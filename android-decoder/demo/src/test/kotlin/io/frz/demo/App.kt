package io.frz.demo

import android.graphics.Bitmap
import android.graphics.Canvas
import android.os.Looper
import android.view.View
import android.widget.TextView
import io.frz.host.LiteRuntime
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlin.math.abs
import org.json.JSONObject
import org.junit.Assume.assumeTrue
import org.robolectric.Robolectric
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

/** The app, started from its APK, on the same lite interpreter as on a phone. */
internal class App(begin: ActivityController<MainActivity>.() -> ActivityController<MainActivity> = { setup() }) {
    val controller: ActivityController<MainActivity>

    val activity: MainActivity get() = controller.get()
    val session: Session get() = activity.session
    val state: State get() = session.state

    init {
        assumeTrue(LiteRuntime.obstacle, LiteRuntime.obstacle == null)
        LiteRuntime.start()
        controller = Robolectric.buildActivity(MainActivity::class.java).begin()
        settle()
    }

    /** Lets the app's main thread finish its pending work. */
    fun idle(): Unit = shadowOf(Looper.getMainLooper()).idle()

    /** Waits until the app has nothing more to do. */
    fun settle() {
        val end = System.nanoTime() + PATIENCE
        do {
            Thread.sleep(5)
            idle()
            check(System.nanoTime() < end) { "the app is still busy: ${state.step?.message?.text(activity)}" }
        } while (state.step != null)
        idle()
    }

    fun click(id: Int) {
        activity.findViewById(id).performClick()
        settle()
    }

    fun show(choice: Choice) {
        session.show(choice)
        settle()
    }

    fun text(id: Int): String = (activity.findViewById(id) as TextView).text.toString()

    fun isVisible(id: Int): Boolean = activity.findViewById(id).visibility == View.VISIBLE

    /** Saves the screen as a file for people to look at. */
    fun screenshot(name: String): Bitmap {
        val view = activity.window.decorView
        val bitmap = Bitmap.createBitmap(view.width, view.height, Bitmap.Config.ARGB_8888)
        view.draw(Canvas(bitmap))
        val folder = File(System.getProperty("frz.screenshots"))
        folder.mkdirs()
        File(folder, "$name.png").outputStream().use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        return bitmap
    }

    companion object {
        /** The time after which a busy app is considered stuck: ten minutes, in nanoseconds. */
        private const val PATIENCE = 600_000_000_000L

        /** Returns the desktop's results for the pictures of the network called [name]. */
        fun desktop(name: String): JSONObject =
            JSONObject(File(System.getProperty("frz.desktop"), "$name.json").readText())

        /** Returns the elements of an output in a report. */
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
