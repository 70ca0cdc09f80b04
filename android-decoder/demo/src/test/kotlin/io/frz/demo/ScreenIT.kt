package io.frz.demo

import android.content.res.Configuration
import android.graphics.Bitmap
import android.graphics.Color
import android.net.Uri
import android.os.Bundle
import android.widget.RadioGroup
import android.widget.SeekBar
import io.frz.demo.compare.Choice
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

/** Tests the screen as users see and operate it. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreenIT {
    @Test
    fun `the APK contains the generated assets`() {
        val assets = App().activity.assets
        val folder = File(System.getProperty("frz.assets"))
        for (file in folder.walk().filter { it.isFile }) {
            val name = file.relativeTo(folder).path
            assertArrayEquals(name, file.readBytes(), assets.open(name).use { it.readBytes() })
        }
    }

    @Test
    fun `the app starts with the factored UNet and a picture, and shows the result`() {
        val app = App()
        val side = app.state.compressed
        println("start to first answer: ${app.startTime} ms, ${app.startCpuTime} ms of processor time")
        println("of which loading took ${side.loaded!!.loadTime} ms, and the run ${side.run!!.time} ms")
        assertEquals(app.network("unet"), app.state.choice.network)
        val answer = app.text(R.id.answer)
        assertTrue(answer, Regex("The car covers \\d+(\\.\\d)?% of this picture").matches(answer))
        val description = app.activity.findViewById(R.id.picture).contentDescription.toString()
        assertTrue(description, description.startsWith("Picture 1 of 3 with the mask of “car” drawn over it"))
        assertTrue("${app.texts()}", app.texts().any { Regex("Dense: 124 MB").matches(it) })
        assertFalse(app.isVisible(R.id.failed))
        assertFalse(app.isVisible(R.id.busy))
        assertFalse("a network of one tier offers no choice", app.isVisible(R.id.tiers))
        app.click(R.id.input)
        assertEquals("Picture 1 of 3, not yet processed", app.activity.findViewById(R.id.picture).contentDescription)
    }

    @Test
    fun `choosing a thumbnail shows its picture`() {
        val app = digits()
        assertEquals(0, app.selected())
        app.thumbnails()[9].performClick()
        app.settle()
        assertEquals(9, app.selected())
        assertEquals(9, app.state.choice.picture)
        assertEquals("Picture 10 of 10", app.thumbnails()[9].contentDescription)
        val label = app.state.compressed.run!!.output.label
        assertTrue(app.text(R.id.answer), Regex("This is “$label”, .*% sure").matches(app.text(R.id.answer)))
    }

    @Test
    fun `the slider chooses a tier and says what it costs`() {
        val app = digits()
        val tiers = app.compare.info!!.tiers
        val slider = app.activity.findViewById(R.id.tier) as SeekBar
        assertEquals(tiers.size - 1, slider.max)
        assertEquals(tiers.size - 1, slider.progress)
        for (tier in tiers.indices) {
            app.show(app.state.choice.copy(tier = tier))
            assertEquals(tier, app.state.compressed.loaded!!.tier)
            val words = app.text(R.id.tier_words)
            assertTrue(words, words.startsWith("Tier ${tier + 1} of ${tiers.size}: "))
            assertEquals(words, slider.contentDescription)
        }
    }

    @Test
    fun `everything that can be operated has a name and is large enough for a finger`() {
        for (scale in listOf(1f, 2f)) {
            RuntimeEnvironment.setFontScale(scale)
            val app = digits()
            for (tab in listOf(R.id.tab_compare, R.id.tab_learn, R.id.tab_suite)) {
                app.click(tab)
                checkAccessible(app.views())
            }
        }
    }

    @Test
    fun `a rotation keeps the network and its result`() {
        val app = digits()
        app.show(app.state.choice.copy(picture = 1))
        val kept = app.activity.kept
        val run = app.state.compressed.run
        val before = app.activity
        val landscape = Configuration(before.resources.configuration)
        landscape.orientation = Configuration.ORIENTATION_LANDSCAPE
        app.controller.configurationChange(landscape)
        app.settle()
        assertNotSame(before, app.activity)
        assertSame(kept, app.activity.kept)
        assertSame(run, app.state.compressed.run)
        assertEquals(1, app.selected())
        assertTrue(app.text(R.id.answer).isNotEmpty())
    }

    @Test
    fun `the choice survives when the system terminates the app`() {
        val saved = Bundle()
        App().run {
            show(Choice(picture = 2, dense = true))
            controller.saveInstanceState(saved).pause().stop().destroy()
        }
        val again = App { setup(saved) }
        assertEquals(Choice(picture = 2, dense = true), again.state.choice)
        assertEquals(2, again.selected())
    }

    @Test
    fun `the user's own picture is adapted, including a dark digit on paper`() {
        val app = digits()
        val mine = Uri.parse("content://mine/digit.png")
        val bytes = File(System.getProperty("frz.assets"), "digit-0.png").readBytes()
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(mine) { ByteArrayInputStream(bytes) }
        val expected = app.state.compressed.run!!.output.logits
        app.show(app.state.choice.copy(own = mine))
        assertEquals(10, app.selected())
        assertArrayEquals(expected, app.state.compressed.run!!.output.logits, 0f)
        val negative = Bitmap.createBitmap(280, 300, Bitmap.Config.ARGB_8888)
        negative.eraseColor(Color.WHITE)
        val pixels = app.compare.info!!.pixels
        assertTrue("paper becomes dark", pixels.tensor(pixels.fit(negative)).dataAsFloatArray.all { it < 0 })
    }

    @Test
    fun `an unreadable picture is reported in words, and the next picture works`() {
        val app = digits()
        val withdrawn = Uri.parse("content://mine/withdrawn.png")
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(withdrawn) { throw SecurityException() }
        app.show(app.state.choice.copy(own = withdrawn))
        val words = "The picture could not be read: the permission to read it has expired; choose it again"
        assertEquals(words, app.text(R.id.failure))
        assertTrue(app.isVisible(R.id.failure))
        assertNull(app.state.compressed.run)
        val text = Uri.parse("content://mine/letter.txt")
        shadowOf(app.activity.contentResolver).registerInputStreamSupplier(text) { "Dear".byteInputStream() }
        app.show(app.state.choice.copy(own = text))
        assertTrue(app.text(R.id.failure), "cannot read it as a picture" in app.text(R.id.failure))
        app.thumbnails()[0].performClick()
        app.settle()
        assertFalse(app.isVisible(R.id.failure))
        assertEquals(0, app.selected())
    }

    @Test
    fun `a tier that the file lacks is reported in words`() {
        val app = digits()
        app.show(app.state.choice.copy(tier = 7))
        assertTrue(app.text(R.id.failure), app.text(R.id.failure).startsWith("The network could not be loaded: "))
        assertNull(app.state.compressed.run)
        app.show(app.state.choice.copy(tier = null))
        assertFalse(app.isVisible(R.id.failure))
    }

    @Test
    fun `cancelling stops the run, and trying again starts over`() {
        val app = App()
        app.compare.show(Choice(dense = true))
        app.click(R.id.cancel)
        assertEquals("Cancelled.", app.text(R.id.failure))
        assertFalse(app.isVisible(R.id.busy))
        app.click(R.id.again)
        assertFalse(app.isVisible(R.id.failed))
        assertNotEquals(null, app.state.compressed.run)
    }

    @Test
    fun `choosing a task shows its network`() {
        val app = App()
        val last = app.compare.networks.lastIndex
        (app.activity.findViewById(R.id.networks) as RadioGroup).getChildAt(last).performClick()
        app.settle()
        assertEquals(last, app.state.choice.network)
        assertSame(app.compare.networks[last], app.state.compressed.loaded!!.info)
    }

    private fun digits() = App().apply { show(Choice(network = network("lenet5"))) }
}
