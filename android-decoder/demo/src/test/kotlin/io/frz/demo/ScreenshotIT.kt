package io.frz.demo

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.os.SystemClock
import io.frz.demo.compare.Choice
import io.frz.demo.compare.CompareState
import io.frz.demo.compare.Side
import io.frz.demo.work.Message
import io.frz.demo.work.Step
import java.io.File
import java.time.Duration
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowLooper

/**
 * Takes a picture of each state of each screen, for docs/images. Fonts differ between machines, so the tests compare
 * texts, sizes and the variety of colors, not pixels.
 */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreenshotIT {
    @Test
    fun `the UNet while it loads, while it runs, and compared with the dense network`() {
        val app = App()
        take(app, "cars", "The car covers", "One picture")
        val done = app.state
        val step = Step(Message(R.string.busy_loading), 0.6)
        show(app, CompareState(picture = done.picture, step = step))
        take(app, "loading", "Loading the network…", "Cancel")
        val running = Step(Message(R.string.busy_dense))
        val choice = Choice(dense = true)
        val since = SystemClock.uptimeMillis() - 1200
        show(app, done.copy(choice = choice, step = running, denseSince = since))
        scroll(app)
        take(app, "dense-running", "so far…")
        show(app, done)
        app.show(choice)
        scroll(app)
        take(app, "dense", "faster", "smaller", "Both give the same answer")
    }

    @Test
    fun `the digits and their tiers`() {
        val app = App()
        val choice = Choice(network = app.network("lenet5"), picture = 6)
        app.show(choice)
        take(app, "digits", "This is “6”", "Capacity")
        app.show(choice.copy(tier = 0))
        take(app, "digits-small", "Tier 1 of")
    }

    @Test
    fun `a failure`() {
        val app = App()
        val failure = Message(R.string.failed_picture, "this phone cannot read it as a picture")
        show(app, app.state.copy(compressed = Side(app.state.compressed.loaded), failure = failure))
        take(app, "failure", "The picture could not be read", "Try again")
    }

    @Test
    fun `learning`() {
        val app = App()
        app.click(R.id.tab_learn)
        take(app, "learn-empty", "Teach your phone", "0 examples")
        learn(app)
        take(app, "learn", "Looks like “circle”", "2 examples", "never leave this phone")
    }

    @Test
    fun `night`() {
        RuntimeEnvironment.setQualifiers("+night")
        val app = App()
        val picture = take(app, "night", "The car covers")
        assertTrue("the screen is dark at night", picture.getPixel(5, 5) and 255 < 80)
        app.click(R.id.tab_learn)
        learn(app)
        take(app, "night-learn", "Looks like “circle”")
    }

    @Test
    fun `large text`() {
        RuntimeEnvironment.setFontScale(2f)
        val app = App()
        app.show(Choice(network = app.network("lenet5")))
        take(app, "large", "This is “0”")
        scroll(app)
        take(app, "large-figures", "Size in the app")
        app.click(R.id.tab_learn)
        take(app, "large-learn", "Teach your phone")
    }

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-xhdpi")
    fun `landscape`() {
        take(App(), "landscape", "The car covers")
    }

    /** Shows [state] as if the app had reached it. */
    private fun show(app: App, state: CompareState) {
        app.compare.listener!!(state)
        ShadowLooper.idleMainLooper()
        ShadowLooper.shadowMainLooper().idleFor(Duration.ofSeconds(1))
    }

    private fun scroll(app: App) {
        app.idle()
        val screen = app.activity.findViewById(R.id.compare) as android.widget.ScrollView
        screen.scrollTo(0, screen.getChildAt(0).height)
        app.idle()
    }

    private fun learn(app: App) {
        val hand = Hand(app)
        for (size in listOf(0.3f, 0.38f)) {
            hand.circle(size)
            hand.teach(0)
            hand.cross(size)
            hand.teach(1)
        }
        hand.circle(0.35f)
    }

    /** Saves the screen and checks that it shows [words] and is not blank, and that the docs have a picture of it. */
    private fun take(app: App, name: String, vararg words: String): Bitmap {
        app.idle()
        val texts = app.texts()
        for (word in words) assertTrue("$name shows no “$word”: $texts", texts.any { word in it })
        val picture = app.screenshot(name)
        val colors = HashSet<Int>()
        for (y in 0 until picture.height step 7) {
            for (x in 0 until picture.width step 7) colors.add(picture.getPixel(x, y))
        }
        assertTrue("$name has only ${colors.size} colors", colors.size > 40)
        val kept = File(System.getProperty("frz.images"), "$name.png")
        assertTrue("$kept is missing: run android-decoder/demo/screenshots.py", kept.isFile || UPDATE)
        if (kept.isFile) {
            assertTrue("$kept has ${kept.length()} bytes", kept.length() <= 40_000)
            val size = BitmapFactory.Options().apply { inJustDecodeBounds = true }
            BitmapFactory.decodeFile(kept.path, size)
            assertEquals(name, picture.width / 2, size.outWidth)
            assertEquals(name, picture.height / 2, size.outHeight)
        }
        return picture
    }

    private companion object {
        /** Whether to take pictures of states that the docs do not show yet. */
        val UPDATE = System.getProperty("frz.update").toBoolean()
    }
}
