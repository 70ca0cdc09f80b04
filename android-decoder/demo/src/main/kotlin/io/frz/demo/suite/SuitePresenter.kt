package io.frz.demo.suite

import android.content.Context
import io.frz.benchmark.Manifest
import io.frz.benchmark.Producer
import io.frz.benchmark.Suite
import io.frz.benchmark.SuiteOptions
import io.frz.benchmark.SuiteReport
import io.frz.demo.R
import io.frz.demo.share.Phone
import io.frz.demo.share.SharedFiles
import io.frz.demo.work.Message
import io.frz.demo.work.Step
import io.frz.demo.work.Worker
import io.frz.demo.work.attempt
import io.frz.demo.work.stage

/**
 * Runs the benchmark suite. The presenter survives when the activity is recreated.
 *
 * Call all functions on the main thread.
 */
internal class SuitePresenter(context: Context) {
    private val app = context.applicationContext
    private val worker = Worker("suite")

    /** The options that determine how long the suite takes. */
    var options: SuiteOptions = SuiteOptions.FULL

    /** Receives each new [state]. */
    var listener: ((SuiteState) -> Unit)? = null

    var state: SuiteState = SuiteState()
        private set(value) {
            field = value
            listener?.invoke(value)
        }

    /** Runs all tests. Earlier results remain until there are new ones. */
    fun run() {
        state = state.copy(step = Step(Message(R.string.suite_unpacking)), failure = null)
        val options = options
        worker.replace {
            var measured: SuiteReport? = null
            val failure = attempt { stage(R.string.failed_suite) { measured = measure(options) } }
            report { state = SuiteState(report = measured ?: state.report, failure = failure) }
        }
    }

    /** Stops before the next run of a network. */
    fun cancel() {
        worker.abandon()
        state = state.copy(step = null, failure = Message(R.string.suite_cancelled))
    }

    /** Shares the results as a JSON document. */
    fun share() {
        val results = state.report ?: return
        worker.replace {
            val failure = attempt {
                stage(R.string.failed_report) {
                    val file = SharedFiles.save(app, "suite", results.toJson())
                    val intent = SharedFiles.report(file, app.getText(R.string.suite_share))
                    report { state = state.copy(shared = intent) }
                }
            }
            report { state = state.copy(failure = failure) }
        }
    }

    /** Records that [SuiteState.shared] has been handed to the system. */
    fun shared() {
        state = state.copy(shared = null)
    }

    /** Stops the suite. Must be the last call. */
    fun close() {
        listener = null
        worker.close {}
    }

    private fun Worker.Job.measure(options: SuiteOptions): SuiteReport {
        val manifest = Manifest.read(SuiteFiles(app).folder())
        val producer = Producer("frz-demo", Phone.version(app), MobileRuntime.THREADS)
        val suite = Suite(manifest, listOf(MobileRuntime(app)), Phone(app), producer)
        return suite.run(options) { done, total, step ->
            val message = Message(R.string.suite_step, done + 1, total, step)
            report { state = state.copy(step = Step(message, done.toDouble() / total)) }
        }
    }
}
