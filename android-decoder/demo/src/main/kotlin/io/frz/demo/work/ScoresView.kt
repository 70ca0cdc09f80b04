package io.frz.demo.work

import android.content.Context
import android.util.AttributeSet
import android.view.View
import android.widget.LinearLayout
import android.widget.ProgressBar
import android.widget.TextView
import io.frz.demo.R
import kotlin.math.roundToInt

/** A list of names, each with a bar. */
internal class ScoresView(context: Context, attributes: AttributeSet) : LinearLayout(context, attributes) {
    /** A bar with a length from 0 to 1, and the text above it. */
    class Score(val text: String, val length: Double)

    /** Shows [scores] from top to bottom, or nothing if there are none. */
    fun show(scores: List<Score>) {
        visible(scores.isNotEmpty())
        while (childCount > scores.size) removeViewAt(childCount - 1)
        while (childCount < scores.size) View.inflate(context, R.layout.score, this)
        scores.forEachIndexed { index, score ->
            val row = getChildAt(index)
            row.find<TextView>(R.id.name).show(score.text)
            row.find<ProgressBar>(R.id.bar).run { progress = (max * score.length.coerceIn(0.0, 1.0)).roundToInt() }
        }
    }
}
