package io.frz.demo

import android.content.ContextWrapper
import android.content.res.AssetManager
import android.content.res.Resources
import android.graphics.BitmapFactory
import android.net.Uri
import android.os.SystemClock
import android.view.View
import io.frz.demo.compare.Choice
import io.frz.demo.compare.ComparePresenter
import io.frz.demo.compare.CompareScreen
import io.frz.demo.compare.CompareState
import io.frz.demo.compare.Side
import io.frz.demo.learn.DrawingPad
import io.frz.demo.work.Message
import io.frz.demo.work.Step
import java.io.ByteArrayInputStream
import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowDialog
import org.robolectric.shadows.ShadowToast

/** Takes a picture of each state of the screens Compare and Learn. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreenshotIT {
    private val app by lazy { App() }
    private val camera by lazy { Camera(app) }

    @Test
    fun `the UNet while it loads, while it runs, and compared with the dense network`() {
        app.network("unet") // the first one, where it exists
        camera.take("cars", "The car covers", "One picture")
        val done = app.state
        camera.show(CompareState(picture = done.picture, step = Step(Message(R.string.busy_loading), 0.6)))
        camera.take("loading", "Loading the network…", "Cancel")
        val running = Step(Message(R.string.busy_running))
        camera.show(CompareState(picture = done.picture, compressed = Side(done.compressed.loaded), step = running))
        camera.take("running", "Looking at the picture…", "Cancel")
        val choice = Choice(dense = true)
        camera.show(done.copy(choice = choice, step = Step(Message(R.string.busy_loading_dense), 0.3)))
        camera.take("dense-loading", "Rebuilding the dense network…")
        val since = SystemClock.uptimeMillis() - 1200
        camera.show(done.copy(choice = choice, step = Step(Message(R.string.busy_dense)), denseSince = since))
        camera.scroll(R.id.compare)
        camera.take("dense-running", "so far…")
        camera.show(done)
        app.show(choice)
        camera.scroll(R.id.compare)
        camera.take("dense", "faster", "smaller", "Both give the same answer")
    }

    @Test
    fun `the picture without its mask`() {
        app.network("unet") // the first one, where it exists
        app.click(R.id.input)
        camera.take("cars-picture", "The car covers")
    }

    @Test
    fun `the digits, their tiers and the user's own picture`() {
        val choice = Choice(network = app.network("lenet5"), picture = 6)
        app.show(choice)
        camera.take("digits", "This is “6”", "Capacity")
        app.show(choice.copy(tier = 0))
        camera.take("digits-small", "Tier 1 of")
        val mine = Uri.parse("content://mine/digit.png")
        val bytes = picture("digit-3.png").readBytes()
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(mine) { ByteArrayInputStream(bytes) }
        app.show(choice.copy(own = mine))
        camera.take("own", "This is “3”", "Your own picture")
    }

    @Test
    fun `sharing`() {
        app.activity.findViewById(R.id.share).performClick()
        camera.take("share", "Share this result", "Share a parity report")
    }

    @Test
    fun `writing a report`() {
        camera.show(app.state.copy(step = Step(Message(R.string.busy_reporting, 2, 3), 1.0 / 3)))
        camera.take("report", "Picture 2 of 3 for the report…", "Cancel")
    }

    @Test
    fun `every kind of failure`() {
        val done = app.state
        val none = Side(done.compressed.loaded)
        val unread = "this phone cannot read it as a picture"
        val failures = listOf(
            Triple("failure", Message(R.string.failed_picture, unread), none),
            Triple("failure-network", Message(R.string.failed_network, "unet.frz: the file is truncated"), Side()),
            Triple("failure-run", Message(R.string.failed_run, "the operator is unknown"), none),
            Triple("failure-memory", Message(R.string.failed_memory), none),
            Triple("failure-report", Message(R.string.failed_report, "no space left on device"), done.compressed),
            Triple("failure-share", Message(R.string.failed_share, "no space left on device"), done.compressed),
            Triple("cancelled", Message(R.string.cancelled), none)
        )
        for ((name, message, side) in failures) {
            camera.show(done.copy(compressed = side, failure = message))
            camera.take(name, message.text(app.activity), "Try again")
        }
    }

    @Test
    fun `an app without networks`() {
        val activity = app.activity
        val bare = object : ContextWrapper(activity) {
            override fun getAssets(): AssetManager = Resources.getSystem().assets

            override fun getApplicationContext() = this
        }
        activity.setContentView(R.layout.main)
        CompareScreen(activity.findViewById(R.id.compare), ComparePresenter(bare)) {}
        app.idle()
        camera.take("no-networks", "The app has no networks: networks.json")
    }

    @Test
    fun `learning`() {
        app.click(R.id.tab_learn)
        camera.take("learn-empty", "Teach your phone", "0 examples")
        Hand(app).circle(0.3f)
        camera.take("learn-untaught", "Add this as an example of its class.")
        app.click(R.id.clear)
        learn(app)
        camera.take("learn", "Looks like “circle”", "2 examples", "never leave this phone")
        val pad = app.activity.findViewById(R.id.pad) as DrawingPad
        pad.picture = BitmapFactory.decodeFile(picture("digit-0.png").path)
        app.settle()
        camera.take("learn-picture", "The picture that you have chosen", "Looks like")
        val failure = Message(R.string.failed_learning, "learner.frz: the file is truncated")
        app.learn.listener!!(app.learn.state.copy(guess = null, failure = failure))
        camera.take("learn-failure", failure.text(app.activity))
    }

    @Test
    fun `a new class`() {
        app.click(R.id.tab_learn)
        for (times in 1..2) {
            app.click(R.id.new_class)
            val dialog = ShadowDialog.getLatestDialog() as android.app.AlertDialog
            val field = app.views(dialog.window!!.decorView).filterIsInstance<android.widget.EditText>().single()
            field.setText("star")
            if (times == 1) camera.take("learn-new-class", "New class", "star", "Add", "Cancel")
            dialog.getButton(android.app.AlertDialog.BUTTON_POSITIVE).performClick()
            app.idle()
        }
        assertEquals("There is already a class with this name.", ShadowToast.getTextOfLatestToast())
        camera.take("learn-class", "star")
    }

    @Test
    fun `night`() {
        RuntimeEnvironment.setQualifiers("+night")
        app.network("unet") // the first one, where it exists
        val picture = camera.take("night", "The car covers")
        assertTrue("the screen is dark at night", picture.getPixel(5, 5) and 255 < 80)
        app.click(R.id.tab_learn)
        learn(app)
        camera.take("night-learn", "Looks like “circle”")
    }

    @Test
    fun `large text`() {
        RuntimeEnvironment.setFontScale(2f)
        app.show(Choice(network = app.network("lenet5")))
        camera.take("large", "This is “0”")
        camera.scroll(R.id.compare)
        camera.take("large-figures", "Size in the app")
        app.click(R.id.tab_learn)
        camera.take("large-learn", "Teach your phone")
    }

    @Test
    @Config(qualifiers = "w891dp-h411dp-land-xhdpi")
    fun `landscape`() {
        app.network("unet") // the first one, where it exists
        camera.take("landscape", "The car covers")
        app.click(R.id.tab_learn)
        camera.take("landscape-learn", "Teach your phone")
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

    private fun picture(name: String) = File(System.getProperty("frz.assets"), name)
}
