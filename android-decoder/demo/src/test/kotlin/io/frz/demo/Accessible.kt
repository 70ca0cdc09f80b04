package io.frz.demo

import android.view.View
import android.widget.EditText
import android.widget.ImageView
import android.widget.ProgressBar
import android.widget.TextView
import io.frz.demo.learn.DrawingPad
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue

/** The smallest size of something that a finger can hit, in dp. */
private const val FINGER = 48

/**
 * Checks that everyone can use what [views] show: a screen reader has a name for everything that can be operated and
 * for every picture and bar, all texts are complete, and all buttons are large enough.
 */
internal fun checkAccessible(views: List<View>) {
    for (view in views) {
        val text = (view as? TextView)?.text?.takeIf { it.isNotEmpty() } ?: (view as? EditText)?.hint
        val name = view.contentDescription ?: text
        val isDrawn = view is ImageView || view is ProgressBar || view is DrawingPad
        val isRead = view.importantForAccessibility != View.IMPORTANT_FOR_ACCESSIBILITY_NO
        if (view.isClickable || (isDrawn && isRead)) assertFalse("$view has no name", name.isNullOrEmpty())
        val least = FINGER * view.resources.displayMetrics.density
        val isSelectable = view is TextView && view.isTextSelectable // It only copies its text.
        if (view.isClickable && !isSelectable) {
            assertTrue("$view is too small", view.height >= least && view.width >= least)
        }
        val lines = (view as? TextView)?.layout ?: continue
        val room = view.height - view.totalPaddingTop - view.totalPaddingBottom
        assertTrue("“${view.text}” is cut off", lines.height <= room)
    }
}
