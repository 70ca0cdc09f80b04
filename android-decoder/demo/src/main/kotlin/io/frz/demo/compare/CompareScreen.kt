package io.frz.demo.compare

import android.view.LayoutInflater
import android.view.View
import android.widget.PopupMenu
import android.widget.RadioButton
import android.widget.RadioGroup
import android.widget.TextView
import io.frz.demo.R
import io.frz.demo.network.NetworkInfo
import io.frz.demo.work.Words
import io.frz.demo.work.find
import io.frz.demo.work.show
import io.frz.demo.work.visible

/**
 * The screen on which the user picks a task and a picture, and compares the compressed network with the dense one.
 *
 * @param openPicker opens the system's picker
 */
internal class CompareScreen(private val root: View, private val presenter: ComparePresenter, openPicker: () -> Unit) {
    private val context = root.context
    private val words = Words(context)
    private val answers = Answers(context)
    private val networks = root.find<RadioGroup>(R.id.networks)
    private val card = PictureCard(root, answers) { presenter.cancel() }
    private val thumbnails = Thumbnails(root.find(R.id.thumbnails), ::choosePicture, openPicker)
    private val tiers = TierCard(root.find(R.id.tiers), answers) { show(choice.copy(tier = it)) }
    private val figures = FiguresCard(root.find(R.id.figures), words) { show(choice.copy(dense = it)) }

    private val choice get() = presenter.state.choice

    init {
        presenter.networks.forEachIndexed { index, info -> addChip(index, info) }
        root.find<View>(R.id.again).setOnClickListener { presenter.again() }
        root.find<View>(R.id.share).setOnClickListener { menu(it).show() }
        presenter.listener = ::render
        render(presenter.state)
    }

    private fun addChip(index: Int, info: NetworkInfo) {
        val chip = LayoutInflater.from(context).inflate(R.layout.chip, networks, false) as RadioButton
        chip.id = CHIPS + index
        chip.text = info.title
        chip.setOnClickListener { if (index != choice.network) show(Choice(network = index, dense = choice.dense)) }
        networks.addView(chip)
    }

    private fun show(choice: Choice) = presenter.show(choice)

    private fun choosePicture(picture: Int) = show(choice.copy(picture = picture, own = null))

    private fun render(state: CompareState) {
        val info = presenter.info
        val chip = CHIPS + state.choice.network
        if (info != null && networks.checkedRadioButtonId != chip) networks.check(chip)
        card.render(state, info, name(state.choice, info))
        thumbnails.render(info, state.choice)
        tiers.render(info, state.choice)
        figures.render(state, info)
        root.find<View>(R.id.failed).visible(state.failure != null)
        root.find<TextView>(R.id.failure).show(state.failure?.text(context))
        root.find<View>(R.id.share).isEnabled = state.compressed.run != null && state.step == null
        state.shared?.let {
            presenter.shared()
            context.startActivity(it)
        }
    }

    private fun name(choice: Choice, info: NetworkInfo?): String = if (choice.own != null) {
        context.getString(R.string.thumbnail_own)
    } else {
        context.getString(R.string.thumbnail, choice.picture + 1, info?.pictures.orEmpty().size)
    }

    /** Returns the menu of what can be shared. */
    internal fun menu(anchor: View): PopupMenu {
        val menu = PopupMenu(context, anchor)
        menu.menu.add(0, R.id.share, 0, R.string.share_result)
        menu.menu.add(0, R.id.forward, 1, R.string.share_report)
        menu.setOnMenuItemClickListener { item ->
            if (item.itemId == R.id.share) shareResult() else presenter.shareReport()
            true
        }
        return menu
    }

    internal fun shareResult() {
        val state = presenter.state
        val network = state.compressed.loaded ?: return
        val run = state.compressed.run ?: return
        val text = context.getString(
            R.string.result_words,
            answers.answer(network.info.task, run.output),
            words.bytes(network.shippedBytes),
            words.time(run.time),
            words.bytes(network.weightsBytes + network.skeletonBytes)
        )
        presenter.shareResult(card.shown ?: return, text)
    }

    private companion object {
        /** The number of the first chip. Small numbers can belong to other views, whose state a chip cannot restore. */
        const val CHIPS = 0xF00000
    }
}
