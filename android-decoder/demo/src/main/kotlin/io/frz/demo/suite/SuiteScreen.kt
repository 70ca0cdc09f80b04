package io.frz.demo.suite

import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.ProgressBar
import android.widget.TextView
import io.frz.benchmark.SuiteReport
import io.frz.demo.R
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible
import kotlin.math.roundToInt

/** The screen on which the user runs the benchmark suite, and reads and shares its results. */
internal class SuiteScreen(private val root: View, private val presenter: SuitePresenter) {
    private val context = root.context
    private val results = root.find<ViewGroup>(R.id.results)
    private var shown: SuiteReport? = null

    init {
        button(R.id.start) { presenter.run() }
        button(R.id.again) { presenter.run() }
        button(R.id.cancel) { presenter.cancel() }
        button(R.id.suite_share) { presenter.share() }
        presenter.listener = ::render
        render(presenter.state)
    }

    private fun render(state: SuiteState) {
        val isRunning = state.step != null
        root.keepScreenOn = isRunning // A phone that falls asleep slows down.
        root.find<View>(R.id.failed).visible(state.failure != null && !isRunning)
        root.find<TextView>(R.id.failure).show(state.failure?.text(context))
        root.find<View>(R.id.running).visible(isRunning)
        root.find<TextView>(R.id.step).show(state.step?.message?.text(context))
        root.find<ProgressBar>(R.id.progress).run {
            isIndeterminate = state.step?.fraction == null
            progress = (max * (state.step?.fraction ?: 0.0)).roundToInt()
        }
        val start = root.find<Button>(R.id.start)
        start.visible(!isRunning)
        start.setText(if (state.report == null) R.string.suite_start else R.string.suite_repeat)
        root.find<View>(R.id.suite_share).visible(!isRunning && state.report != null)
        results.visible(!isRunning && state.report != null)
        if (shown !== state.report) {
            results.removeAllViews()
            state.report?.let { ResultCards(results).add(it) }
            shown = state.report
        }
        state.shared?.let {
            presenter.shared()
            context.startActivity(it)
        }
    }

    private fun button(id: Int, action: () -> Unit) = root.find<View>(id).setOnClickListener { action() }
}
