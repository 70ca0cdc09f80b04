package io.frz.demo.compare

import android.os.SystemClock
import android.view.View
import android.widget.ProgressBar
import android.widget.Switch
import android.widget.TextView
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.work.Words
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible
import kotlin.math.roundToInt

/** The size, time and memory of the compressed network, compared with those of the dense one. */
internal class FiguresCard(private val root: View, private val words: Words, dense: (Boolean) -> Unit) {
    private val switch = root.find<Switch>(R.id.dense)
    private val size = Figure(root.find(R.id.size), R.string.figure_size, R.string.smaller, R.string.larger)
    private val forward = Figure(root.find(R.id.forward), R.string.figure_forward, R.string.faster, R.string.slower)
    private val load = Figure(root.find(R.id.load), R.string.figure_load, R.string.faster, R.string.slower)
    private var last: CompareState? = null
    private val tick = Runnable { last?.let { render(it, info) } }
    private var info: NetworkInfo? = null

    init {
        switch.setOnClickListener { dense(switch.isChecked) }
    }

    fun render(state: CompareState, info: NetworkInfo?) {
        last = state
        this.info = info
        root.removeCallbacks(tick)
        val network = state.compressed.loaded
        root.visible(network != null)
        if (network == null || info == null) return
        switch.visible(info.dense != null)
        if (switch.isChecked != state.choice.dense) switch.isChecked = state.choice.dense

        val dense = state.dense.loaded
        val bytes = network.weightsBytes + network.skeletonBytes
        size.show(network.shippedBytes.toDouble(), bytes.toDouble(), null) { words.bytes(it.toLong()) }
        val elapsed = state.denseSince?.let { (SystemClock.uptimeMillis() - it).toDouble() }
        forward.show(state.compressed.run?.time, state.dense.run?.time, elapsed, words::time)
        load.show(network.loadTime, dense?.loadTime, null, words::time)
        if (elapsed != null) root.postDelayed(tick, TICK)
        notes(state, info)
    }

    private fun notes(state: CompareState, info: NetworkInfo) {
        val context = root.context
        val outputs = listOf(state.compressed, state.dense).mapNotNull { it.run?.output }
        val agreement = if (outputs.size == 2) words.percent(outputs[0].agreement(outputs[1])) else null
        root.find<TextView>(R.id.agreement).show(agreement?.let { context.getString(R.string.agreement, it) })
        val memory = (state.dense.run ?: state.compressed.run)?.memory?.resident
        val notes = listOfNotNull(
            if (info.dense == null) context.getString(R.string.notes_rebuilt) else null,
            memory?.let { context.getString(R.string.notes_memory, words.bytes(it)) }
        )
        root.find<TextView>(R.id.notes).show(notes.joinToString("\n"))
    }

    /** One quantity with two bars, the longer of which is full. */
    private inner class Figure(private val row: View, name: Int, private val better: Int, private val worse: Int) {
        init {
            row.find<TextView>(R.id.name).setText(name)
        }

        /** Shows both values; while the dense one is being measured, [elapsed] is the time so far. */
        fun show(compressed: Double?, dense: Double?, elapsed: Double?, text: (Double) -> String) {
            val context = row.context
            row.visible(compressed != null, last?.step != null)
            if (compressed == null) return
            val other = dense ?: elapsed
            val longest = maxOf(compressed, other ?: 0.0)
            val value = context.getString(R.string.compressed_value, text(compressed))
            row.find<TextView>(R.id.compressed_value).show(value)
            bar(R.id.compressed_bar, compressed / longest)
            val format = if (dense == null) R.string.dense_running else R.string.dense_value
            row.find<TextView>(R.id.dense_value).show(other?.let { context.getString(format, text(it)) })
            row.find<View>(R.id.dense_bar).visible(other != null)
            other?.let { bar(R.id.dense_bar, it / longest) }
            row.find<TextView>(R.id.ratio).show(dense?.let { words.ratio(compressed, it, better, worse) })
        }

        private fun bar(id: Int, length: Double) {
            row.find<ProgressBar>(id).run { progress = (max * length).roundToInt().coerceAtLeast(1) }
        }
    }

    private companion object {
        /** The milliseconds between updates of a running time. */
        const val TICK = 100L
    }
}
