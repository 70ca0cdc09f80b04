package io.frz.demo.work

import android.view.View
import android.widget.ProgressBar
import android.widget.TextView
import io.frz.demo.R
import kotlin.math.roundToInt

/**
 * One quantity of the compressed and the dense network, each with a bar; the bar of the larger value has full length.
 *
 * @param row a view of the layout `figure`
 * @param name the text that names the quantity
 * @param better the format of the ratio if the compressed network is better; [worse] otherwise
 */
internal class Figure(
    private val row: View,
    private val words: Words,
    name: Int,
    private val better: Int,
    private val worse: Int
) {
    init {
        row.find<TextView>(R.id.name).setText(name)
    }

    /**
     * Shows both values. If the compressed one is unknown, the row is hidden, but keeps its place while the app is
     * [busy]. While the dense one is being measured, [elapsed] is the time so far. [ratio] is dense to compressed.
     */
    fun show(
        compressed: Double?,
        dense: Double?,
        elapsed: Double? = null,
        busy: Boolean = false,
        ratio: Double? = if (compressed == null) null else dense?.div(compressed),
        text: (Double) -> String
    ) {
        val context = row.context
        row.visible(compressed != null, busy)
        if (compressed == null) return
        val other = dense ?: elapsed
        val longest = maxOf(compressed, other ?: 0.0)
        row.find<TextView>(R.id.compressed_value).show(context.getString(R.string.compressed_value, text(compressed)))
        bar(R.id.compressed_bar, compressed / longest)
        val format = if (dense == null) R.string.dense_running else R.string.dense_value
        row.find<TextView>(R.id.dense_value).show(other?.let { context.getString(format, text(it)) })
        row.find<View>(R.id.dense_bar).visible(other != null)
        other?.let { bar(R.id.dense_bar, it / longest) }
        row.find<TextView>(R.id.ratio).show(ratio?.let { words.ratio(1.0, it, better, worse) })
    }

    private fun bar(id: Int, length: Double) {
        row.find<ProgressBar>(id).run { progress = (max * length).roundToInt().coerceAtLeast(1) }
    }
}
