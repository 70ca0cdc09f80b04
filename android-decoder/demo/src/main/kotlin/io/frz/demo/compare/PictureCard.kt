package io.frz.demo.compare

import android.graphics.Bitmap
import android.view.View
import android.widget.ProgressBar
import android.widget.RadioGroup
import android.widget.TextView
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.network.Output
import io.frz.demo.network.Task
import io.frz.demo.work.ScoresView
import io.frz.demo.work.Words
import io.frz.demo.work.color
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible
import kotlin.math.roundToInt

/** The picture, the network's answer, and the progress of the work on it. */
internal class PictureCard(private val root: View, private val answers: Answers, cancel: () -> Unit) {
    private val words = Words(root.context)
    private val view = root.find<PictureView>(R.id.picture)
    private val sides = root.find<RadioGroup>(R.id.sides)
    private var last: CompareState? = null
    private var name = ""
    private var info: NetworkInfo? = null

    /** The picture as shown, with the mask or without. */
    var shown: Bitmap? = null
        private set

    init {
        sides.setOnCheckedChangeListener { _, _ -> last?.let { picture(it) } }
        root.find<View>(R.id.cancel).setOnClickListener { cancel() }
    }

    /** Shows [state], whose picture is called [name]. */
    fun render(state: CompareState, info: NetworkInfo?, name: String) {
        this.name = name
        this.info = info
        val output = state.compressed.run?.output
        val before = last
        last = state
        if (before == null || before.picture !== state.picture || before.compressed.run !== state.compressed.run) {
            picture(state)
        }
        val busy = state.step != null && before?.choice?.network == state.choice.network
        answer(info?.task, output, busy)
        sides.visible(info?.task == Task.SEGMENT && output != null, busy)
        step(state, before?.step == null)
    }

    private fun answer(task: Task?, output: Output?, busy: Boolean) {
        val answer = root.find<TextView>(R.id.answer)
        val scores = root.find<ScoresView>(R.id.scores)
        if (task != null && output != null) {
            answer.show(answers.answer(task, output))
            val ranking = if (task == Task.CLASSIFY) output.ranking.take(BEST) else emptyList()
            scores.show(
                ranking.map { (label, share) ->
                    ScoresView.Score(root.context.getString(R.string.score, label, words.percent(share)), share)
                }
            )
        } else {
            answer.visible(false, busy)
            scores.visible(false, busy)
        }
    }

    /** Shows the progress. If the work has just [begun], waits a moment, because most work is done by then. */
    private fun step(state: CompareState, begun: Boolean) {
        val busy = root.find<View>(R.id.busy)
        busy.visible(state.step != null)
        if (begun && state.step != null) {
            busy.alpha = 0f
            busy.animate().alpha(1f).setStartDelay(PATIENCE)
        }
        root.find<TextView>(R.id.step).show(state.step?.message?.text(root.context))
        root.find<ProgressBar>(R.id.progress).run {
            isIndeterminate = state.step?.fraction == null
            progress = (max * (state.step?.fraction ?: 0.0)).roundToInt()
        }
    }

    private fun picture(state: CompareState) {
        val task = info?.task ?: return
        val output = state.compressed.run?.output?.takeIf { sides.checkedRadioButtonId == R.id.output }
        val picture = state.picture
        shown = picture?.let { output?.over(it, root.context.color(R.color.mask)) ?: it }
        view.show(shown)
        view.contentDescription = answers.picture(name, task, output)
    }

    private companion object {
        /** The number of labels shown. */
        const val BEST = 3

        /** The delay before progress is shown, in milliseconds. */
        const val PATIENCE = 200L
    }
}
