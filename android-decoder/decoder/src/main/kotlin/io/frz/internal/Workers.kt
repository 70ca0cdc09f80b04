package io.frz.internal

import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.Future
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.ThreadPoolExecutor
import java.util.concurrent.TimeUnit

/** [count] threads that share the work on one tensor: the caller's, and daemons that end when idle. */
internal class Workers(private val count: Int) {
    private val pool by lazy {
        val others = count - 1
        ThreadPoolExecutor(others, others, IDLE_SECONDS, TimeUnit.SECONDS, LinkedBlockingQueue()) { task ->
            Thread(task, "frz-rebuild").apply { isDaemon = true }
        }.apply { allowCoreThreadTimeOut(true) }
    }

    /** Runs [work] on parts of 0 until [size], each of at least [least], that together cover it. */
    fun split(size: Int, least: Int, work: (from: Int, to: Int) -> Unit) {
        val parts = minOf(count, size / maxOf(1, least))
        if (parts <= 1) return work(0, size)
        fun bound(part: Int) = (size.toLong() * part / parts).toInt()
        val others = (1 until parts).map { part -> pool.submit(Callable { work(bound(part), bound(part + 1)) }) }
        try {
            work(0, bound(1))
        } finally {
            awaitAll(others)
        }
    }

    /** Waits until nobody works on the caller's memory any more, even if the caller is interrupted meanwhile. */
    private fun awaitAll(tasks: List<Future<*>>) {
        var interrupted = false
        var failure: Throwable? = null
        for (task in tasks) {
            while (!task.isDone) {
                try {
                    task.get()
                } catch (_: InterruptedException) {
                    interrupted = true
                } catch (e: ExecutionException) {
                    failure = e.cause
                }
            }
        }
        if (interrupted) Thread.currentThread().interrupt()
        failure?.let { throw it }
    }

    private companion object {
        const val IDLE_SECONDS = 5L
    }
}
