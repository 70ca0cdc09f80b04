package io.frz.demo.learn

import android.app.AlertDialog
import android.graphics.Bitmap
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.EditText
import android.widget.FrameLayout
import android.widget.TextView
import android.widget.Toast
import io.frz.demo.R
import io.frz.demo.work.ScoresView
import io.frz.demo.work.Words
import io.frz.demo.work.find
import io.frz.demo.work.show

/**
 * The screen on which the user teaches the phone classes of their own.
 *
 * @param openPicker opens the system's picker
 */
internal class LearnScreen(private val root: View, private val presenter: LearnPresenter, openPicker: () -> Unit) {
    private val context = root.context
    private val words = Words(context)
    private val pad = root.find<DrawingPad>(R.id.pad)
    private val rows = root.find<ViewGroup>(R.id.classes)

    init {
        pad.changed = ::look
        button(R.id.choose, openPicker)
        button(R.id.clear) { pad.clear() }
        button(R.id.new_class) { newClass() }
        button(R.id.undo) { presenter.undo() }
        button(R.id.reset) { presenter.reset() }
        presenter.listener = ::render
        look()
        render(presenter.state)
    }

    /** Puts the user's picture on the pad. */
    fun show(picture: Bitmap) {
        pad.picture = picture
    }

    private fun look() {
        pad.contentDescription = context.getString(if (pad.picture == null) R.string.pad else R.string.pad_picture)
        presenter.look(pad.pixels(LearnPresenter.SIDE))
    }

    private fun render(state: LearnState) {
        classes(state.classes)
        val empty = pad.pixels(LearnPresenter.SIDE) == null
        val best = state.guess?.scores?.firstOrNull()
        root.find<TextView>(R.id.guess).show(
            when {
                empty -> context.getString(R.string.guess_empty)
                best == null -> context.getString(R.string.guess_untaught)
                else -> context.getString(R.string.guess, best.first)
            }
        )
        val scores = if (empty) emptyList() else state.guess?.scores.orEmpty()
        root.find<ScoresView>(R.id.guesses).show(scores.map { (name, score) -> ScoresView.Score(name, score) })
        root.find<TextView>(R.id.learned).show(state.failure?.text(context) ?: learned(state))
        root.find<View>(R.id.clear).isEnabled = !empty
        root.find<View>(R.id.undo).isEnabled = state.examples > 0
        root.find<View>(R.id.reset).isEnabled = state.examples > 0
        for (index in 0 until rows.childCount) rows.getChildAt(index).find<View>(R.id.teach).isEnabled = !empty
    }

    private fun learned(state: LearnState): String = state.time?.let {
        context.resources.getQuantityString(R.plurals.learned, state.examples, state.examples, words.time(it))
    } ?: context.getString(R.string.learned_nothing)

    private fun classes(classes: List<Taught>) {
        while (rows.childCount > classes.size) rows.removeViewAt(rows.childCount - 1)
        while (rows.childCount < classes.size) {
            rows.addView(LayoutInflater.from(context).inflate(R.layout.learn_class, rows, false))
        }
        classes.forEachIndexed { index, taught ->
            val row = rows.getChildAt(index)
            row.find<TextView>(R.id.name).show(taught.name)
            val count = context.resources.getQuantityString(R.plurals.examples, taught.examples, taught.examples)
            row.find<TextView>(R.id.count).show(count)
            val teach = row.find<Button>(R.id.teach)
            teach.contentDescription = context.getString(R.string.teach_class, taught.name)
            teach.setOnClickListener { teach(taught.name) }
        }
    }

    private fun teach(name: String) {
        presenter.teach(pad.pixels(LearnPresenter.SIDE) ?: return, name)
        pad.clear()
    }

    private fun newClass() {
        val field = EditText(context)
        field.setSingleLine()
        field.setHint(R.string.class_name)
        val frame = FrameLayout(context)
        val margin = context.resources.getDimensionPixelSize(R.dimen.side)
        frame.setPadding(margin, margin, margin, 0)
        frame.addView(field)
        AlertDialog.Builder(context)
            .setTitle(R.string.new_class)
            .setView(frame)
            .setNegativeButton(R.string.cancel, null)
            .setPositiveButton(R.string.add) { _, _ -> add(field.text.toString().trim()) }
            .show()
    }

    private fun add(name: String) {
        if (name.isNotEmpty() && !presenter.addClass(name)) {
            Toast.makeText(context, R.string.class_taken, Toast.LENGTH_LONG).show()
        }
    }

    private fun button(id: Int, action: () -> Unit) = root.find<View>(id).setOnClickListener { action() }
}
