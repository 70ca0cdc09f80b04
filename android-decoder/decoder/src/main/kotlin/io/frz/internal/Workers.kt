package io.frz.internal

import java.util.concurrent.Executor
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.SynchronousQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit

/**
 * Up to [count] threads that share the work on one tensor: the caller's, and those that [helpers] has to spare.
 *
 * The caller works itself until nothing is left to begin, so helpers that are busy, refused or never run cost speed and
 * nothing else.
 */
internal class Workers(val count: Int, private val helpers: Executor = SHARED) {
    /**
     * Runs [work] on parts of 0 until [size], each of at least [least], that together cover it. When this returns, all
     * of it is done; when it throws, one part has failed. Either way nobody works on it any more. Work has to ask
     * [request] now and then whether it goes on.
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

    /** Whether there was a helper for [work]. */
    private fun isTaken(work: Runnable): Boolean = try {
        helpers.execute(work)
        true
    } catch (_: RejectedExecutionException) {
        false
    } catch (_: OutOfMemoryError) {
        false // The system has no thread to give.
    }

    companion object {
        private const val IDLE_SECONDS = 5L

        /** Threads for all files of the process, which end when idle. */
        val SHARED: Executor =
            ThreadPoolExecutor(0, Int.MAX_VALUE, IDLE_SECONDS, TimeUnit.SECONDS, SynchronousQueue()) { task ->
                Thread(task, "frz-rebuild").apply { isDaemon = true }
            }
    }
}

/**
 * The [parts] of some [work], each done by whoever is free first. A failure ends it: parts that nobody has begun stay
 * undone. Nothing here allocates, so that a lack of memory cannot hide one.
 */
@Suppress("PLATFORM_CLASS_MAPPED_TO_KOTLIN") // The monitor is the one lock that waits without allocating.
private class SharedWork(private val parts: Int, work: (part: Int) -> Unit) : Runnable {
    private val monitor = Object()
    private var work: ((part: Int) -> Unit)? = work
    private var next = 0
    private var running = 0

    /** What the first part that failed has thrown, or null. */
    var failure: Throwable? = null
        private set

    /** Does parts as long as there are any. */
    override fun run() {
        while (true) {
            val part = begin()
            val work = work
            if (part < 0 || work == null) return
            var thrown: Throwable? = null
            try {
                work(part)
            } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
                thrown = e // Whatever it is, the caller must hear of it.
            }
            done(thrown)
        }
    }

    /** Lets nobody begin any more, and waits for those who have begun; an interrupt meanwhile ends the [request]. */
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
            work = null // A helper's queue may hold this for long, but not what was worked on.
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
