package io.frz.demo.work

import android.os.Handler
import android.os.Looper
import java.util.concurrent.Executors
import java.util.concurrent.Future

/**
 * Runs jobs one after another on a background thread. Their reports arrive on the main thread.
 *
 * Call all functions on the main thread.
 */
internal class Worker(name: String) {
    private val main = Handler(Looper.getMainLooper())
    private val executor = Executors.newSingleThreadExecutor { Thread(it, name) }
    private var job: Future<*>? = null

    /** The generation of new jobs. Abandoning jobs starts a new one; jobs of earlier generations report nothing. */
    private var newest = 0

    /** Whether all jobs are done; their last reports may not have arrived yet. */
    val isIdle: Boolean get() = job?.isDone != false

    /** Abandons all earlier jobs and adds another. */
    fun replace(work: Job.() -> Unit) {
        abandon()
        add(work)
    }

    /** Adds a job, which runs after all earlier ones. */
    fun add(work: Job.() -> Unit) {
        val number = newest
        job = executor.submit { Job(number).work() }
    }

    /** Cancels the last job, even while it runs. A running network finishes, but jobs added so far report nothing. */
    fun abandon() {
        newest++
        job?.cancel(true)
    }

    /** Abandons all jobs, runs [last] on the background thread, and ends. Must be the last call. */
    fun close(last: () -> Unit) {
        abandon()
        executor.execute(last)
        executor.shutdown()
    }

    /** A job, which reports as long as it has not been abandoned. */
    inner class Job(private val number: Int) {
        fun report(change: () -> Unit) {
            main.post { if (number == newest) change() }
        }
    }
}
