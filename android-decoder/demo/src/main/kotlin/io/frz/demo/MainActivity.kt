package io.frz.demo

import android.app.Activity
import android.content.ActivityNotFoundException
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.ImageView
import android.widget.ProgressBar
import android.widget.Spinner
import android.widget.TextView
import android.widget.Toast
import kotlin.math.roundToInt

/** The app's screen: choose a network and a picture, see the result, and share a parity report. */
public class MainActivity : Activity() {
    internal lateinit var session: Session
        private set

    private val words = Words(this)

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        setContentView(R.layout.main)
        @Suppress("DEPRECATION") // Without androidx, there is no other way to keep work across a rotation.
        val kept = lastNonConfigurationInstance as? Session
        session = kept ?: Session(this)
        choices(R.id.network, session.networks) { if (it != session.state.choice.network) session.show(Choice(it)) }
        button(R.id.previous) { step(-1) }
        button(R.id.next) { step(1) }
        button(R.id.choose) { choosePicture() }
        button(R.id.again) { session.again() }
        button(R.id.cancel) { session.cancel() }
        button(R.id.report) { session.report() }
        session.listener = ::render
        if (kept == null) session.show(saved.choice()) else render(session.state)
    }

    @Suppress("OVERRIDE_DEPRECATION")
    override fun onRetainNonConfigurationInstance(): Any = session

    override fun onSaveInstanceState(out: Bundle) {
        super.onSaveInstanceState(out)
        out.put(session.state.choice)
    }

    override fun onDestroy() {
        if (isChangingConfigurations) session.listener = null else session.close()
        super.onDestroy()
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        data?.data?.let { session.show(session.state.choice.copy(own = it)) }
    }

    /** Moves [by] pictures forward in the network's list, wrapping around at the end. */
    private fun step(by: Int) {
        val choice = session.state.choice
        val count = session.networks.getOrNull(choice.network)?.pictures?.size ?: return
        val picture = if (choice.own != null) choice.picture else (choice.picture + by + count) % count
        session.show(choice.copy(picture = picture, own = null))
    }

    private fun choosePicture() {
        val intent = Intent(Intent.ACTION_GET_CONTENT).setType("image/*").addCategory(Intent.CATEGORY_OPENABLE)
        try {
            startActivityForResult(intent, 0)
        } catch (_: ActivityNotFoundException) {
            Toast.makeText(this, R.string.no_picker, Toast.LENGTH_LONG).show()
        }
    }

    private fun render(state: State) {
        val choice = state.choice
        find<Spinner>(R.id.network).setSelection(choice.network)
        renderTiers(state)
        renderPicture(state)
        text(R.id.answer, state.run?.output?.let { words.answer(task(choice), it) })
        text(R.id.figures, state.loaded?.let { words.figures(it, state.run) })
        text(R.id.failure, state.failure?.text(this))
        find<View>(R.id.failure).visible(state.failure != null)
        find<View>(R.id.busy).visible(state.step != null)
        text(R.id.step, state.step?.message?.text(this))
        find<ProgressBar>(R.id.progress).run {
            isIndeterminate = state.step?.fraction == null
            progress = (max * (state.step?.fraction ?: 0.0)).roundToInt()
        }
        for (id in intArrayOf(R.id.report, R.id.again)) find<View>(id).isEnabled = state.step == null
        state.report?.let {
            session.shared()
            startActivity(ReportProvider.share(it, getText(R.string.report)))
        }
    }

    private fun renderTiers(state: State) {
        val count = state.loaded?.tiers ?: return
        find<View>(R.id.tiers).visible(count > 1)
        val spinner = find<Spinner>(R.id.tier)
        if (spinner.count != count) {
            choices(R.id.tier, List(count) { getString(R.string.tier_of, it + 1, count) }) { tier ->
                val shown = session.state
                if (tier != (shown.choice.tier ?: shown.loaded?.tier)) session.show(shown.choice.copy(tier = tier))
            }
        }
        spinner.setSelection(state.loaded.tier)
    }

    private fun renderPicture(state: State) {
        val choice = state.choice
        val count = session.networks.getOrNull(choice.network)?.pictures?.size ?: 0
        val own = choice.own != null
        val name = getString(if (own) R.string.picture_own else R.string.picture_of, choice.picture + 1, count)
        text(R.id.position, name)
        val picture = state.picture ?: return
        val output = state.run?.output
        val view = find<ImageView>(R.id.picture)
        view.setImageBitmap(output?.over(picture, getColorOf(R.color.mask)) ?: picture)
        view.contentDescription = words.picture(name, task(choice), output)
    }

    private fun task(choice: Choice) = session.networks[choice.network].task

    private fun choices(id: Int, items: List<Any>, chosen: (Int) -> Unit) {
        val spinner = find<Spinner>(id)
        val adapter = ArrayAdapter(this, android.R.layout.simple_spinner_item, items)
        adapter.setDropDownViewResource(android.R.layout.simple_spinner_dropdown_item)
        spinner.adapter = adapter
        spinner.onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
            override fun onItemSelected(parent: AdapterView<*>?, view: View?, item: Int, row: Long) = chosen(item)

            override fun onNothingSelected(parent: AdapterView<*>?) = Unit
        }
    }

    private fun button(id: Int, action: () -> Unit) = find<Button>(id).setOnClickListener { action() }

    private fun text(id: Int, text: CharSequence?) {
        val view = find<TextView>(id)
        if (view.text.toString() != text?.toString().orEmpty()) view.text = text // else a screen reader would repeat it
    }

    private fun View.visible(yes: Boolean) {
        visibility = if (yes) View.VISIBLE else View.GONE
    }

    /** Returns the color for the current theme; the method that takes a theme requires API 23. */
    @Suppress("DEPRECATION")
    private fun getColorOf(id: Int) = resources.getColor(id)

    @Suppress("UNCHECKED_CAST") // findViewById is not generic before API 26
    private fun <T : View> find(id: Int) = findViewById(id) as T
}
