package io.frz.demo.work

import android.content.Context
import android.view.View
import android.widget.TextView

/** Returns the view with this ID; Android's own method is generic only from API level 26. */
@Suppress("UNCHECKED_CAST")
internal fun <T : View> View.find(id: Int): T = findViewById(id) as T

internal fun View.visible(yes: Boolean) {
    val wanted = if (yes) View.VISIBLE else View.GONE
    if (visibility != wanted) visibility = wanted
}

/** Shows or hides the view; while the app is [busy], a hidden view keeps its place, so that nothing moves. */
internal fun View.visible(yes: Boolean, busy: Boolean) {
    if (!yes && busy && visibility != View.GONE) visibility = View.INVISIBLE else visible(yes)
}

/** Shows [words], or nothing if they are null. Unchanged words are not set again: a screen reader would repeat them. */
internal fun TextView.show(words: CharSequence?) {
    if (text.toString() != words?.toString().orEmpty()) text = words
    visible(!words.isNullOrEmpty())
}

/** Returns a color of the current theme; the method that takes a theme requires API 23. */
@Suppress("DEPRECATION")
internal fun Context.color(id: Int): Int = resources.getColor(id)
