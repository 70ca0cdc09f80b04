package io.frz.demo

import android.os.SystemClock
import android.view.MotionEvent
import android.view.View
import android.view.ViewGroup
import android.widget.EditText
import io.frz.demo.learn.DrawingPad
import io.frz.demo.learn.LearnPresenter
import kotlin.math.abs
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.robolectric.annotation.Config
import org.robolectric.annotation.GraphicsMode
import org.robolectric.shadows.ShadowAlertDialog

/** Tests that the user can teach the app classes of their own. */
@RunWith(RobolectricTestRunner::class)
@Config(sdk = [35], qualifiers = "w411dp-h891dp-xhdpi")
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class LearnIT {
    private val app = App().apply { click(R.id.tab_learn) }
    private val hand = Hand(app)

    @Test
    fun `the phone learns circles and crosses from a few drawings`() {
        assertEquals("What is it?", app.text(R.id.guess))
        assertEquals("Add examples of at least two classes.", app.text(R.id.learned))
        for (size in listOf(0.3f, 0.38f)) {
            hand.circle(size)
            hand.teach(0)
            hand.cross(size)
            hand.teach(1)
        }
        assertEquals(listOf("2 examples", "2 examples"), hand.counts())
        assertTrue(app.text(R.id.learned), app.text(R.id.learned).startsWith("Learned from 4 examples in "))
        hand.circle(0.2f)
        assertEquals("Looks like “circle”", app.text(R.id.guess))
        app.click(R.id.clear)
        hand.cross(0.25f)
        assertEquals("Looks like “cross”", app.text(R.id.guess))
    }

    @Test
    fun `undoing examples restores what was known before`() {
        hand.circle(0.3f)
        assertEquals("Add this as an example of its class.", app.text(R.id.guess))
        hand.teach(0)
        hand.cross(0.3f)
        hand.teach(1)
        hand.circle(0.4f)
        val before = app.learn.state.guess!!.scores
        hand.teach(1)
        app.click(R.id.undo)
        hand.circle(0.4f)
        val after = app.learn.state.guess!!.scores
        assertEquals(before.map { it.first }, after.map { it.first })
        for ((a, b) in before.zip(after)) assertEquals(a.second, b.second, 1e-6)
        app.click(R.id.undo)
        assertEquals(listOf("1 example", "0 examples"), hand.counts())
        assertNull(app.learn.state.guess)
        app.click(R.id.reset)
        assertEquals(listOf("0 examples", "0 examples"), hand.counts())
        assertFalse(app.activity.findViewById(R.id.undo).isEnabled)
    }

    @Test
    fun `a class is named in a dialog, and no two classes have the same name`() {
        for (name in listOf("star", " star ", "")) {
            app.click(R.id.new_class)
            val dialog = ShadowAlertDialog.getLatestAlertDialog()
            field(dialog.window!!.decorView).setText(name)
            dialog.getButton(android.app.AlertDialog.BUTTON_POSITIVE).performClick()
            app.idle()
        }
        assertEquals(listOf("circle", "cross", "star"), app.learn.state.classes.map { it.name })
    }

    @Test
    fun `the position and size of a drawing do not matter, and a rotation keeps what was learned`() {
        hand.circle(0.2f)
        val small = app.pixels()
        app.click(R.id.clear)
        assertNull((app.activity.findViewById(R.id.pad) as DrawingPad).pixels(LearnPresenter.SIDE))
        hand.circle(0.4f)
        val large = app.pixels()
        val different = large.indices.count { abs((large[it].toInt() and 255) - (small[it].toInt() and 255)) > 64 }
        assertTrue("$different of ${small.size} pixels differ", different < small.size / 50)
        hand.teach(0)
        app.controller.recreate()
        app.settle()
        assertEquals(listOf("1 example", "0 examples"), Hand(app).counts())
        assertTrue(app.isVisible(R.id.learn))
        assertArrayEquals(null, (app.activity.findViewById(R.id.pad) as DrawingPad).pixels(LearnPresenter.SIDE))
    }

    private fun App.pixels() = (activity.findViewById(R.id.pad) as DrawingPad).pixels(LearnPresenter.SIDE)!!

    private fun field(view: View): EditText = app.views(view).filterIsInstance<EditText>().single()
}

/** Draws and teaches like a user. */
internal class Hand(private val app: App) {
    private val pad = app.activity.findViewById(R.id.pad) as DrawingPad

    /** Draws a circle whose radius is [size] times the pad's height. */
    fun circle(size: Float) = stroke(
        List(33) { step ->
            val angle = step * Math.PI / 16
            (0.5 + size * Math.cos(angle)).toFloat() to (0.5 + size * Math.sin(angle)).toFloat()
        }
    )

    fun cross(size: Float) {
        stroke(listOf(0.5f - size to 0.5f - size, 0.5f + size to 0.5f + size))
        stroke(listOf(0.5f - size to 0.5f + size, 0.5f + size to 0.5f - size))
    }

    /** Adds the drawing to a class. */
    fun teach(row: Int) {
        rows().getChildAt(row).findViewById(R.id.teach).performClick()
        app.settle()
    }

    fun counts() = List(rows().childCount) { row ->
        (rows().getChildAt(row).findViewById(R.id.count) as android.widget.TextView).text.toString()
    }

    private fun rows() = app.activity.findViewById(R.id.classes) as ViewGroup

    /** Draws a line through [points] of the pad's central square: (0, 0) is top left, (1, 1) bottom right. */
    private fun stroke(points: List<Pair<Float, Float>>) {
        val time = SystemClock.uptimeMillis()
        points.forEachIndexed { index, (x, y) ->
            val action = if (index == 0) MotionEvent.ACTION_DOWN else MotionEvent.ACTION_MOVE
            touch(time, action, x, y)
        }
        touch(time, MotionEvent.ACTION_UP, points.last().first, points.last().second)
        app.settle()
    }

    private fun touch(time: Long, action: Int, x: Float, y: Float) {
        val left = (pad.width - pad.height) / 2f
        val event = MotionEvent.obtain(time, time, action, left + x * pad.height, y * pad.height, 0)
        pad.dispatchTouchEvent(event)
        event.recycle()
    }
}
