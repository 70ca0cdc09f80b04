package io.frz.internal

import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.atomic.AtomicIntegerArray
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Checks that shared work either completes, or stops on all threads and throws in the caller. */
class WorkersTest {
    private val caller = Thread.currentThread()
    private val request = Request(Lifetime())

    /** Checks that [workers] process every element of their work exactly once. */
    private fun checkAll(workers: Workers) {
        val done = AtomicIntegerArray(400)
        workers.split(400, 1, request) { from, to -> for (i in from until to) done.incrementAndGet(i) }
        for (i in 0 until 400) assertEquals(1, done.get(i), "$i")
    }

    @Test
    fun `exceptions of helpers reach the caller`() {
        val failures = listOf(OutOfMemoryError("helper"), IOException("helper"), AssertionError("helper"))
        for (failure in failures) {
            repeat(20) {
                val begun = CountDownLatch(1)
                val thrown = assertThrows(failure.javaClass) {
                    Workers(4).split(400, 1, request) { _, _ ->
                        if (Thread.currentThread() === caller) {
                            begun.await()
                        } else {
                            begun.countDown()
                            throw failure
                        }
                    }
                }
                assertSame(failure, thrown)
            }
        }
    }

    @Test
    fun `an exception in the caller's part is thrown after the helpers have finished`() {
        repeat(20) {
            val begun = CountDownLatch(1)
            val working = AtomicInteger()
            assertThrows(IOException::class.java) {
                Workers(4).split(400, 1, request) { _, _ ->
                    if (Thread.currentThread() === caller) {
                        begun.await()
                        throw IOException("in the caller")
                    }
                    working.incrementAndGet()
                    begun.countDown()
                    Thread.sleep(20)
                    working.decrementAndGet()
                }
            }
            assertEquals(0, working.get())
        }
    }

    @Test
    fun `interrupting the caller keeps the interrupt flag and leaves no helper running`() {
        val begun = CountDownLatch(1)
        val ended = AtomicInteger()
        Workers(2).split(2, 1, request) { _, _ ->
            if (Thread.currentThread() === caller) {
                begun.await()
                caller.interrupt()
            } else {
                begun.countDown()
                Thread.sleep(100)
            }
            ended.incrementAndGet()
        }
        assertTrue(Thread.interrupted())
        assertEquals(2, ended.get())
    }

    @Test
    fun `helpers that are busy, refuse work or have ended only slow the work down`() {
        checkAll(Workers(4))
        checkAll(Workers(4, Executor { throw RejectedExecutionException("no") }))
        checkAll(Workers(4, Executor { throw OutOfMemoryError("unable to create native thread") }))
        checkAll(Workers(4, Executor { it.run() }))
        checkAll(Workers(4, Executor { }))
        val late = ArrayList<Runnable>()
        checkAll(Workers(4, Executor { late.add(it) }))
        late.forEach(Runnable::run)
        val stopped = Executors.newFixedThreadPool(3)
        checkAll(Workers(4, stopped))
        stopped.shutdownNow()
        checkAll(Workers(4, stopped))
    }

    @Test
    fun `an interrupted helper continues`() {
        val pool = Executors.newSingleThreadExecutor()
        val begun = CountDownLatch(1)
        val interrupted = AtomicInteger()
        Workers(2, pool).split(2, 1, request) { _, _ ->
            if (Thread.currentThread() === caller) {
                begun.await()
                pool.shutdownNow()
            } else {
                begun.countDown()
                while (!Thread.currentThread().isInterrupted) Thread.yield()
                interrupted.incrementAndGet()
            }
        }
        assertEquals(1, interrupted.get())
        assertFalse(Thread.currentThread().isInterrupted)
    }
}
