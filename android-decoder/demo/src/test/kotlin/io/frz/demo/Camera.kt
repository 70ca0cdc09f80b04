package io.frz.demo

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Rect
import android.view.Gravity
import android.view.View
import android.view.WindowManager
import android.view.WindowManagerGlobal
import android.widget.ScrollView
import android.widget.TextView
import io.frz.demo.compare.CompareState
import java.io.File
import java.time.Duration
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.robolectric.shadows.ShadowLooper

/**
 * Takes pictures of the app for docs/images. Fonts differ between machines, so texts, sizes and the variety of colors
 * are checked, not pixels.
 */
internal class Camera(private val app: App) {
    /**
     * Saves the screen with the dialogs and menus on it. Checks that it shows [words] and is not blank, that it is
     * accessible, and that the docs have a picture of it.
     */
    fun take(name: String, vararg words: String): Bitmap {
        app.idle()
        val views = windows().flatMap { app.views(it) }
        val texts = views.flatMap { listOfNotNull((it as? TextView)?.text, it.contentDescription) }
        for (word in words) assertTrue("$name shows no “$word”: $texts", texts.any { word in it })
        checkAccessible(app.views())
        val picture = draw()
        val folder = File(System.getProperty("frz.screenshots"))
        folder.mkdirs()
        File(folder, "$name.png").outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
        val colors = HashSet<Int>()
        for (y in 0 until picture.height step 7) {
            for (x in 0 until picture.width step 7) colors.add(picture.getPixel(x, y))
        }
        assertTrue("$name has only ${colors.size} colors", colors.size > LEAST_COLORS)
        check(File(System.getProperty("frz.images"), "$name.png"), picture)
        return picture
    }

    /** Shows [state] as if the app had reached it. */
    fun show(state: CompareState) {
        app.compare.listener!!(state)
        ShadowLooper.idleMainLooper()
        ShadowLooper.shadowMainLooper().idleFor(Duration.ofSeconds(1))
    }

    /** Scrolls a screen to [part] of its height. */
    fun scroll(screen: Int, part: Double = 1.0) {
        app.idle()
        val view = app.activity.findViewById(screen) as ScrollView
        view.scrollTo(0, (view.getChildAt(0).height * part).toInt())
        app.idle()
    }

    private fun check(kept: File, picture: Bitmap) {
        assertTrue("$kept is missing: run android-decoder/demo/screenshots.py", kept.isFile || UPDATE)
        if (!kept.isFile) return
        assertTrue("$kept has ${kept.length()} bytes", kept.length() <= MOST_BYTES)
        val size = BitmapFactory.Options().apply { inJustDecodeBounds = true }
        BitmapFactory.decodeFile(kept.path, size)
        assertEquals(kept.name, picture.width / 2, size.outWidth)
        assertEquals(kept.name, picture.height / 2, size.outHeight)
    }

    /** Returns the window of the activity, and the visible ones above it. */
    private fun windows(): List<View> {
        val first = app.activity.window.decorView
        val all = WindowManagerGlobal.getInstance().run { viewRootNames.map { getRootView(it) } }
        return listOf(first) + all.filter { it !== first && it.isShown }
    }

    private fun draw(): Bitmap {
        val (first, others) = windows().let { it.first() to it.drop(1) }
        val bitmap = Bitmap.createBitmap(first.width, first.height, Bitmap.Config.ARGB_8888)
        val canvas = Canvas(bitmap)
        first.draw(canvas)
        for (window in others) {
            val place = window.layoutParams as WindowManager.LayoutParams
            if (place.flags and WindowManager.LayoutParams.FLAG_DIM_BEHIND != 0) {
                canvas.drawColor(Color.argb((place.dimAmount * OPAQUE).toInt(), 0, 0, 0))
            }
            val bounds = Rect()
            val screen = Rect(0, 0, first.width, first.height)
            Gravity.apply(place.gravity, window.width, window.height, screen, place.x, place.y, bounds)
            val saved = canvas.save()
            canvas.translate(bounds.left.toFloat(), bounds.top.toFloat())
            window.draw(canvas)
            canvas.restoreToCount(saved)
        }
        return bitmap
    }

    private companion object {
        /** Whether to take pictures of states that the docs do not show yet. */
        val UPDATE = System.getProperty("frz.update").toBoolean()
        const val LEAST_COLORS = 40
        const val MOST_BYTES = 40_000L
        const val OPAQUE = 255
    }
}
