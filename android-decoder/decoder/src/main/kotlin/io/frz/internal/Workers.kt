package io.frz.internal

import java.util.concurrent.Executor
import java.util.concurrent.SynchronousQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit

/**
 * Up to [count] threads that share the work on one tensor: the caller's thread, and any that [helpers] provides.
 *
 * The caller keeps working until every part has been started, so a helper that is busy, rejects work or never runs can
 * slow the caller down but not block it.
 */
internal class Workers(val count: Int, private val helpers: Executor = SHARED) {
    /**
     * Splits the range from 0 to [size] − 1 into parts of at least [least] indices and runs [work] on each part. When
     * this returns, all parts are done; when it throws, a part has failed. In both cases, no thread is still working on
     * a part. [work] must check [request] regularly.
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

    /** Submits [work] to the helpers and returns whether they accept it. */
    private fun isTaken(work: Runnable): Boolean = try {
        helpers.execute(work)
        true
    } catch (@Suppress("TooGenericExceptionCaught") _: RuntimeException) {
        false // Not every executor that refuses work throws a RejectedExecutionException.
    } catch (_: OutOfMemoryError) {
        false // The system cannot start another thread.
    }

    companion object {
        private const val IDLE_SECONDS = 5L

        /** The threads that all files in the process share; they end when idle. */
        val SHARED: Executor =
            ThreadPoolExecutor(0, Int.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, SynchronousQueue()) { task ->
                Thread(task, "frz-rebuild").apply { isDaemon = true }
            }
    }
}

/**
 * The [parts] of a piece of [work]. Each part runs on the next free thread; after a failure, no further part is
 * started. This class allocates no memory, so it reports a failure even when memory has run out.
 */
@Suppress("PLATFORM_CLASS_MAPPED_TO_KOTLIN") // Only a monitor can wait without allocating memory.
private class SharedWork(private val parts: Int, work: (part: Int) -> Unit) : Runnable {
    private val monitor = Object()
    private var work: ((part: Int) -> Unit)? = work
    private var next = 0
    private var running = 0

    /** The exception of the first failed part, or null. */
    var failure: Throwable? = null
        private set

    /** Runs parts until all have been started or one has failed. */
    override fun run() {
        while (true) {
            val part = begin()
            val work = work
            if (part < 0 || work == null) return
            var thrown: Throwable? = null
            try {
                work(part)
            } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
                thrown = e // Every failure must be reported to the caller.
            }
            done(thrown)
        }
    }

    /**
     * Prevents further parts from starting and waits for the running ones; an interrupt while waiting ends the
     * [request].
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
            work = null // A helper's queue can retain this object for a long time, but must not retain the data.
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
