package io.frz.demo

import android.content.Context
import android.os.Handler
import android.os.Looper
import java.io.IOException
import java.util.concurrent.Executors
import java.util.concurrent.Future

/**
 * Does the app's work on a background thread. The session survives when the activity is recreated, for example after a
 * rotation.
 *
 * Call all functions on the main thread. A new request replaces the previous one.
 */
internal class Session(context: Context) {
    private val app = context.applicationContext
    private val main = Handler(Looper.getMainLooper())
    private val worker = Executors.newSingleThreadExecutor { Thread(it, "network") }
    private var job: Future<*>? = null

    /** The number of the newest job; results of older jobs are not shown. */
    private var newest = 0

    /** Used only by the worker. */
    private var loaded: LoadedNetwork? = null

    /** All networks of the app; empty if they could not be read, which [state] then reports. */
    val networks: List<NetworkInfo>

    /** Receives each new [state]. */
    var listener: ((State) -> Unit)? = null

    var state: State = State()
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
        state = State(failure = failure)
    }

    /** Loads the network of [choice] if necessary, runs it on the picture, and shows the result. */
    fun show(choice: Choice) {
        if (networks.isEmpty()) return
        state = state.copy(choice = choice, run = null)
        start { look(choice) }
    }

    /** Repeats the last request. */
    fun again(): Unit = show(state.choice)

    /** Runs the network on all of its pictures, and records the results for comparison with a desktop. */
    fun report() {
        if (networks.isEmpty()) return
        val choice = state.choice
        start { write(choice) }
    }

    /** Records that the report has been shared. */
    fun shared() {
        state = state.copy(report = null)
    }

    /** Stops loading before the next tensor. A running network finishes, but its result is not shown. */
    fun cancel() {
        abandon()
        state = state.copy(step = null, failure = Message(R.string.cancelled))
    }

    /** Frees all memory. Must be the last call. */
    fun close() {
        listener = null
        abandon()
        worker.execute { unload() }
        worker.shutdown()
    }

    private fun abandon() {
        newest++
        job?.cancel(true)
    }

    private fun start(work: Job.() -> Unit) {
        abandon()
        val number = newest
        state = state.copy(step = Step(Message(R.string.busy_loading)), failure = null)
        job = worker.submit { Job(number).guard(work) }
    }

    private fun unload() {
        loaded?.close()
        loaded = null
    }

    /** A job, whose progress is shown as long as it is the newest. */
    private inner class Job(private val number: Int) {
        fun guard(work: Job.() -> Unit) {
            val failure = try {
                work()
                null
            } catch (e: Failure) {
                e.text
            } catch (_: OutOfMemoryError) {
                unload()
                Message(R.string.failed_memory)
            }
            publish { copy(step = null, failure = failure) }
        }

        fun look(choice: Choice) {
            val network = network(choice)
            val info = networks[choice.network]
            val picture = stage(R.string.failed_picture) {
                info.pixels.fit(
                    choice.own?.let { Pictures.own(app.contentResolver, it) }
                        ?: Pictures.asset(app.assets, info.pictures[choice.picture])
                )
            }
            publish { copy(loaded = network, picture = picture, step = Step(Message(R.string.busy_running))) }
            val run = stage(R.string.failed_run) { network.run(info.pixels.tensor(picture)) }
            publish { copy(run = run) }
        }

        fun write(choice: Choice) {
            val network = network(choice)
            val file = stage(R.string.failed_report) {
                ParityReport(app, network).write { index, count ->
                    val message = Message(R.string.busy_reporting, index + 1, count)
                    publish { copy(step = Step(message, index.toDouble() / count)) }
                }
            }
            publish { copy(report = file) }
        }

        private fun network(choice: Choice): LoadedNetwork {
            val info = networks[choice.network]
            loaded?.takeIf { it.info === info && (choice.tier ?: (it.tiers - 1)) == it.tier }?.let { return it }
            publish { copy(loaded = null) }
            unload()
            return stage(R.string.failed_network) {
                LoadedNetwork(app, info, choice.tier) { done, total ->
                    publish { copy(step = Step(Message(R.string.busy_loading), done.toDouble() / total)) }
                }
            }.also { loaded = it }
        }

        private fun publish(change: State.() -> State) {
            main.post { if (number == newest) state = state.change() }
        }

        /** Does [work]; if it fails, shows the error with the text [failed]. */
        @Suppress("TooGenericExceptionCaught") // The interpreter's native code throws nothing more specific.
        private inline fun <T> stage(failed: Int, work: () -> T): T = try {
            work()
        } catch (e: IOException) {
            throw Failure(failed, e)
        } catch (e: RuntimeException) {
            throw Failure(failed, e)
        }
    }

    private class Failure(failed: Int, cause: Exception) : Exception(cause) {
        val text = Message(failed, (cause.message ?: "$cause").substringBefore('\n'))

        private companion object {
            const val serialVersionUID = 1L
        }
    }
}
