package io.frz.internal

import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.SynchronousQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit

/**
 * Up to [count] threads that share the work on one tensor: the caller's, and others from [helpers] if it has any to
 * spare.
 *
 * The caller works, too, until no part is left to begin. Helpers that are busy, refuse or never run therefore cost only
 * speed.
 */
internal class Workers(val count: Int, private val helpers: Executor = SHARED) {
    /**
     * Runs [work] on parts of 0 until [size], each of at least [least], that together cover it. When this returns, all
     * of it is done; when it throws, one part has failed. In both cases, no thread works on it any more. Work has to
     * check [request] regularly.
     */
    fun split(size: Int, least: Int, request: Request, work: (from: Int, to: Int) -> Unit) {
        val parts = minOf(count, size / maxOf(1, least))
        if (parts <= 1) return work(0, size)
        fun bound(part: Int) = (size.toLong() * part / parts).toInt()
        val shared = SharedWork(parts) { part -> work(bound(part), bound(part + 1)) }
        try {
            var asked = 1
            while (asked < parts && isTaken(shared)) asked++
            shared.run()
        } finally {
            shared.end(request)
        }
        shared.failure?.let { throw it }
    }

    /** Starts a helper for [work]; false if there is none. */
    private fun isTaken(work: Runnable): Boolean = try {
        helpers.execute(work)
        true
    } catch (_: RejectedExecutionException) {
        false
    } catch (_: OutOfMemoryError) {
        false // The system cannot create another thread.
    }

    companion object {
        private const val IDLE_SECONDS = 5L

        /** Threads that all files of the process share, and that end when idle. */
        val SHARED: Executor =
            ThreadPoolExecutor(0, Int.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, SynchronousQueue()) { task ->
                Thread(task, "frz-rebuild").apply { isDaemon = true }
            }
    }
}

/**
 * The [parts] of some [work], each done by the first free thread. After a failure, parts that have not begun are
 * skipped. Nothing here allocates, so a lack of memory cannot hide a failure.
 */
@Suppress("PLATFORM_CLASS_MAPPED_TO_KOTLIN") // The monitor is the one lock that waits without allocating.
private class SharedWork(private val parts: Int, work: (part: Int) -> Unit) : Runnable {
    private val monitor = Object()
    private var work: ((part: Int) -> Unit)? = work
    private var next = 0
    private var running = 0

    /** What the first failed part threw, or null. */
    var failure: Throwable? = null
        private set

    /** Works on parts until none is left. */
    override fun run() {
        while (true) {
            val part = begin()
            val work = work
            if (part < 0 || work == null) return
            var thrown: Throwable? = null
            try {
                work(part)
            } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
                thrown = e // Whatever it is, the caller must learn of it.
            }
            done(thrown)
        }
    }

    /**
     * Lets no further part begin, and waits for those that have begun. An interrupt during the wait ends the [request].
     */
    fun end(request: Request) {
        synchronized(monitor) {
            next = parts
            while (running > 0) {
                try {
                    monitor.wait()
                } catch (_: InterruptedException) {
                    request.interrupt()
                }
            }
            work = null // A helper's queue may hold this object for long; it must not hold the work's data.
        }
        if (request.isInterrupted) Thread.currentThread().interrupt()
    }

    private fun begin(): Int = synchronized(monitor) {
        if (next == parts) return -1
        running++
        next++
    }

    private fun done(thrown: Throwable?) = synchronized(monitor) {
        running--
        if (thrown != null) {
            if (failure == null) failure = thrown
            next = parts
        }
        monitor.notifyAll()
    }
}
