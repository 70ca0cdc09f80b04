package io.frz.demo

import android.content.res.Configuration
import android.graphics.Bitmap
import android.graphics.Color
import android.net.Uri
import android.os.Bundle
import android.widget.ImageView
import android.widget.Spinner
import java.io.ByteArrayInputStream
import java.io.File
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertNotSame
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

/** Tests the screen as a user sees and operates it. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreenIT {
    @Test
    fun `the APK contains the generated assets`() {
        val assets = App().activity.assets
        for (file in File(System.getProperty("frz.assets")).listFiles()!!) {
            assertArrayEquals(file.name, file.readBytes(), assets.open(file.name).use { it.readBytes() })
        }
    }

    @Test
    fun `the app starts with a network and a picture, and shows the result`() {
        val app = App()
        val label = app.state.run!!.output.label
        assertTrue(app.text(R.id.answer), app.text(R.id.answer).startsWith("$label ("))
        val description = (app.activity.findViewById(R.id.picture) as ImageView).contentDescription.toString()
        assertEquals("Picture 1 of 10, recognized as $label", description)
        val figures = app.text(R.id.figures)
        assertTrue(figures, Regex("(?s)Files: .*Load: .*Forward: .*Memory: .*").matches(figures))
        assertFalse(app.isVisible(R.id.failure))
        assertFalse(app.isVisible(R.id.busy))
        assertFalse("a network of one tier offers no choice", app.isVisible(R.id.tiers))
        app.screenshot("lenet5")
    }

    @Test
    fun `stepping through pictures wraps around at the end`() {
        val app = App()
        app.click(R.id.previous)
        assertEquals("10 of 10", app.text(R.id.position))
        app.click(R.id.next)
        app.click(R.id.next)
        assertEquals("2 of 10", app.text(R.id.position))
        assertEquals(1, app.state.choice.picture)
    }

    @Test
    fun `a rotation keeps the network and its result`() {
        val app = App()
        app.click(R.id.next)
        val session = app.session
        val run = app.state.run
        val before = app.activity
        val landscape = Configuration(before.resources.configuration)
        landscape.orientation = Configuration.ORIENTATION_LANDSCAPE
        app.controller.configurationChange(landscape)
        app.settle()
        assertNotSame(before, app.activity)
        assertSame(session, app.session)
        assertSame(run, app.state.run)
        assertEquals("2 of 10", app.text(R.id.position))
        assertTrue(app.text(R.id.answer).isNotEmpty())
    }

    @Test
    fun `the choice survives when the system terminates the app`() {
        val saved = Bundle()
        App().run {
            show(Choice(picture = 3))
            controller.saveInstanceState(saved).pause().stop().destroy()
        }
        val again = App { setup(saved) }
        assertEquals(Choice(picture = 3), again.state.choice)
        assertEquals("4 of 10", again.text(R.id.position))
    }

    @Test
    fun `the screen is dark at night`() {
        val day = App().screenshot("day").getPixel(5, 5)
        RuntimeEnvironment.setQualifiers("+night")
        val night = App().screenshot("night").getPixel(5, 5)
        assertTrue("%x".format(day), day and 255 > 200)
        assertTrue("%x".format(night), night and 255 < 80)
    }

    @Test
    fun `the user's own picture is adapted, including a dark digit on paper`() {
        val app = App()
        val mine = Uri.parse("content://mine/digit.png")
        val bytes = File(System.getProperty("frz.assets"), "digit-0.png").readBytes()
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(mine) { ByteArrayInputStream(bytes) }
        val expected = app.state.run!!.output.logits
        app.show(app.state.choice.copy(own = mine))
        assertEquals("yours", app.text(R.id.position))
        assertArrayEquals(expected, app.state.run!!.output.logits, 0f)
        val negative = Bitmap.createBitmap(280, 300, Bitmap.Config.ARGB_8888)
        negative.eraseColor(Color.WHITE)
        val pixels = app.session.networks[0].pixels
        assertTrue("paper becomes dark", pixels.tensor(pixels.fit(negative)).dataAsFloatArray.all { it < 0 })
    }

    @Test
    fun `an unreadable picture is reported in words, and the next picture works`() {
        val app = App()
        val withdrawn = Uri.parse("content://mine/withdrawn.png")
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(withdrawn) { throw SecurityException() }
        app.show(app.state.choice.copy(own = withdrawn))
        val words = "The picture could not be read: the permission to read it has expired: choose it again"
        assertEquals(words, app.text(R.id.failure))
        assertTrue(app.isVisible(R.id.failure))
        assertNull(app.state.run)
        val text = Uri.parse("content://mine/letter.txt")
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(text) { "Dear".byteInputStream() }
        app.show(app.state.choice.copy(own = text))
        assertTrue(app.text(R.id.failure), "cannot read it as a picture" in app.text(R.id.failure))
        app.click(R.id.next)
        assertFalse(app.isVisible(R.id.failure))
        assertEquals("1 of 10", app.text(R.id.position))
    }

    @Test
    fun `a capacity level that the file lacks is reported in words`() {
        val app = App()
        app.show(Choice(tier = 7))
        assertTrue(app.text(R.id.failure), app.text(R.id.failure).startsWith("The network could not be loaded: "))
        assertNull(app.state.loaded)
        app.show(Choice())
        assertEquals("", app.text(R.id.failure))
    }

    @Test
    fun `cancelling stops the run, and running again starts over`() {
        val app = App()
        app.session.show(Choice(network = app.session.networks.lastIndex))
        app.click(R.id.cancel)
        assertEquals("Cancelled. Tap “Run again” to start over.", app.text(R.id.failure))
        assertFalse(app.isVisible(R.id.busy))
        app.show(Choice())
        assertNotEquals(null, app.state.run)
    }

    @Test
    fun `choosing a network in the list shows it`() {
        val app = App()
        val last = app.session.networks.lastIndex
        (app.activity.findViewById(R.id.network) as Spinner).setSelection(last)
        app.idle()
        assertEquals(last, app.state.choice.network)
        app.click(R.id.cancel)
    }
}
