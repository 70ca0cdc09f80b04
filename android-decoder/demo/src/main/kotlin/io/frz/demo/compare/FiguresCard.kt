package io.frz.demo.compare

import android.os.SystemClock
import android.view.View
import android.widget.Switch
import android.widget.TextView
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.work.Figure
import io.frz.demo.work.Words
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible

/** The size and times of the compressed network, compared with those of the dense one, and the memory in use. */
internal class FiguresCard(private val root: View, private val words: Words, dense: (Boolean) -> Unit) {
    private val switch = root.find<Switch>(R.id.dense)
    private val size = figure(R.id.size, R.string.figure_size, R.string.smaller, R.string.larger)
    private val forward = figure(R.id.forward, R.string.figure_forward, R.string.faster, R.string.slower)
    private val load = figure(R.id.load, R.string.figure_load, R.string.faster, R.string.slower)
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
        val busy = state.step != null
        size.show(network.shippedBytes.toDouble(), bytes.toDouble()) { words.bytes(it.toLong()) }
        val elapsed = state.denseSince?.let { (SystemClock.uptimeMillis() - it).toDouble() }
        forward.show(state.compressed.run?.time, state.dense.run?.time, elapsed, busy, text = words::time)
        load.show(network.loadTime, dense?.loadTime, text = words::time)
        if (elapsed != null) root.postDelayed(tick, TICK)
        notes(state, info)
    }

    private fun figure(row: Int, name: Int, better: Int, worse: Int) =
        Figure(root.find(row), words, name, better, worse)

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

    private companion object {
        /** The number of milliseconds between updates of the elapsed time. */
        const val TICK = 100L
    }
}
