package io.frz.demo.compare

import android.content.Context
import android.graphics.Bitmap
import android.os.SystemClock
import io.frz.demo.R
import io.frz.demo.network.Form
import io.frz.demo.network.LoadedNetwork
import io.frz.demo.network.NetworkInfo
import io.frz.demo.network.Pictures
import io.frz.demo.share.ParityReport
import io.frz.demo.share.SharedFiles
import io.frz.demo.work.Message
import io.frz.demo.work.Step
import io.frz.demo.work.Worker
import io.frz.demo.work.attempt
import io.frz.demo.work.stage
import java.io.IOException

/**
 * Runs networks on pictures. The presenter survives when the activity is recreated, for example after a rotation.
 *
 * Call all functions on the main thread. A new request replaces the previous one.
 */
internal class ComparePresenter(context: Context) {
    private val app = context.applicationContext
    private val worker = Worker("network")

    /** The networks in memory. Used only on the background thread. */
    private val loaded = HashMap<Form, LoadedNetwork>()

    /** All networks of the app; empty if they could not be read, which [state] then reports. */
    val networks: List<NetworkInfo>

    /** Receives each new [state]. */
    var listener: ((CompareState) -> Unit)? = null

    var state: CompareState = CompareState()
        private set(value) {
            field = value
            listener?.invoke(value)
        }

    init {
        var failure: Message? = null
        networks = try {
            NetworkInfo.all(app.assets)
        } catch (e: IOException) {
            failure = Message(R.string.failed_catalog, "${e.message}")
            emptyList()
        }
        state = CompareState(failure = failure)
    }

    /** The network of the current choice, or null if there are no networks. */
    val info: NetworkInfo? get() = networks.getOrNull(state.choice.network)

    /** Loads the networks of [choice] if necessary, runs them on the picture, and shows the results. */
    fun show(choice: Choice) {
        if (networks.isEmpty()) return
        val other = choice.network != state.choice.network
        val picture = if (other) null else state.picture
        state = state.copy(
            choice = choice,
            picture = picture,
            compressed = Side(if (other) null else state.compressed.loaded),
            dense = Side(if (other) null else state.dense.loaded)
        )
        start { look(choice) }
    }

    /** Repeats the last request. */
    fun again(): Unit = show(state.choice)

    /** Runs the compressed network on all of its pictures, and shares the results for comparison with a desktop. */
    fun shareReport() {
        if (networks.isEmpty()) return
        val choice = state.choice
        start { write(choice) }
    }

    /** Shares the picture with the network's answer, if there is one. */
    fun shareResult(picture: Bitmap, words: String) {
        val title = app.getText(R.string.share_result)
        start {
            val intent = stage(R.string.failed_share) { SharedFiles.picture(app, picture, words, title) }
            report { state = state.copy(shared = intent) }
        }
    }

    /** Records that [CompareState.shared] has been handed to the system. */
    fun shared() {
        state = state.copy(shared = null)
    }

    /** Stops loading before the next tensor. A running network finishes, but its result is not shown. */
    fun cancel() {
        worker.abandon()
        state = state.copy(step = null, denseSince = null, failure = Message(R.string.cancelled))
    }

    /** Stops the work and frees all memory. Must be the last call. */
    fun close() {
        listener = null
        worker.close { unload() }
    }

    private fun start(work: Worker.Job.() -> Unit) {
        state = state.copy(step = Step(Message(R.string.busy_loading)), denseSince = null, failure = null)
        worker.replace {
            val failure = attempt { work() }
            if (failure != null && loaded.size > 1) unload() // The cause can be a lack of memory.
            report { state = state.copy(step = null, denseSince = null, failure = failure) }
        }
    }

    private fun unload() {
        loaded.values.forEach { it.close() }
        loaded.clear()
    }

    private fun Worker.Job.look(choice: Choice) {
        val info = networks[choice.network]
        val picture = stage(R.string.failed_picture) {
            info.pixels.fit(
                choice.own?.let { Pictures.own(app.contentResolver, it) }
                    ?: Pictures.asset(app.assets, info.pictures[choice.picture])
            )
        }
        report { state = state.copy(picture = picture) }
        val network = network(choice, Form.COMPRESSED)
        report { state = state.copy(compressed = Side(network), step = Step(Message(R.string.busy_running))) }
        val run = stage(R.string.failed_run) { network.run(info.pixels.tensor(picture)) }
        report { state = state.copy(compressed = Side(network, run)) }
        if (choice.dense && info.dense != null) lookDense(choice, picture)
    }

    private fun Worker.Job.lookDense(choice: Choice, picture: Bitmap) {
        val network = network(choice, Form.DENSE)
        report {
            val step = Step(Message(R.string.busy_dense))
            state = state.copy(dense = Side(network), step = step, denseSince = SystemClock.uptimeMillis())
        }
        val run = stage(R.string.failed_run) { network.run(network.info.pixels.tensor(picture)) }
        report { state = state.copy(dense = Side(network, run), denseSince = null) }
    }

    private fun Worker.Job.write(choice: Choice) {
        val network = network(choice, Form.COMPRESSED)
        report { state = state.copy(compressed = Side(network, state.compressed.run)) }
        val file = stage(R.string.failed_report) {
            ParityReport(app, network).write { index, count ->
                val message = Message(R.string.busy_reporting, index + 1, count)
                report { state = state.copy(step = Step(message, index.toDouble() / count)) }
            }
        }
        val intent = SharedFiles.report(file, app.getText(R.string.share_report))
        report { state = state.copy(shared = intent) }
    }

    private fun Worker.Job.network(choice: Choice, form: Form): LoadedNetwork {
        val info = networks[choice.network]
        if (loaded.values.any { it.info !== info }) unload()
        loaded[form]?.let { if ((choice.tier ?: (it.tiers - 1)) == it.tier) return it }
        loaded.remove(form)?.close()
        val message = Message(if (form == Form.DENSE) R.string.busy_loading_dense else R.string.busy_loading)
        report { state = state.copy(step = Step(message)) }
        val network = stage(R.string.failed_network) {
            LoadedNetwork(app, info, form, choice.tier) { done, total ->
                report { state = state.copy(step = Step(message, done.toDouble() / total)) }
            }
        }
        loaded[form] = network
        return network
    }
}
