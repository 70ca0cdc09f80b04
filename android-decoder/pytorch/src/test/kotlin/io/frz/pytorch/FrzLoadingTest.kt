package io.frz.pytorch

import io.frz.FrzException
import io.frz.pytorch.FrzModuleException.Kind
import java.io.File
import java.io.IOException
import java.util.concurrent.CancellationException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertSame
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.pytorch.Module

/** Loading in the background. */
class FrzLoadingTest : OnRuntime() {
    @TempDir
    lateinit var cache: File

    /** Collects what a callback is told. */
    private class Told : FrzCallback {
        val all = LinkedBlockingQueue<Any>()

        override fun onLoaded(module: Module) {
            all.add(module)
        }

        override fun onFailed(cause: IOException) {
            all.add(cause)
        }

        fun only(): Any {
            val first = checkNotNull(all.poll(20, TimeUnit.SECONDS)) { "nothing was told" }
            assertNull(all.poll(50, TimeUnit.MILLISECONDS), "told twice")
            return first
        }
    }

    private val told = Told()

    private fun start(weights: FrzPart = part("wide.frz"), options: FrzModuleOptions = FrzModuleOptions.DEFAULT) =
        FrzModule.loadAsync(part("wide.ptl"), weights, cache, told, options)

    @Test
    fun `a module is told once and given to who waits`() {
        val loading = start()
        val module = told.only()
        assertSame(module, loading.get())
        assertSame(module, loading.get(1, TimeUnit.SECONDS))
        assertTrue(loading.isDone)
        assertFalse(loading.cancel())
        assertFalse(loading.isCancelled)
        wideOutputOf(module as Module)
        module.destroy()
    }

    @Test
    fun `a failure is told as it is`() {
        val loading = start(part("tiny.ptl"))
        val failure = told.only() as FrzException
        val thrown = assertThrows(ExecutionException::class.java) { loading.get() }
        assertSame(failure, thrown.cause)
    }

    @Test
    fun `even a failure of the app is told`() {
        val options = FrzModuleOptions.builder().progress { _, _ -> error("a fault") }.callbacks(Runnable::run).build()
        start(options = options)
        val failure = told.only() as FrzModuleException
        assertEquals(Kind.RUNTIME_FAILED, failure.kind)
        assertTrue("a fault" in failure.message!!)
    }

    @Test
    fun `cancelled before it began`() {
        val waiting = ArrayList<Runnable>()
        val loading = start(options = FrzModuleOptions.builder().background(Executor { waiting.add(it) }).build())
        assertTrue(loading.cancel())
        assertEquals(Kind.CANCELLED, (told.only() as FrzModuleException).kind)
        waiting.forEach(Runnable::run)
        assertTrue(loading.isCancelled)
        assertThrows(CancellationException::class.java) { loading.get() }
    }

    @Test
    fun `cancelled between tensors`() {
        val reached = CountDownLatch(1)
        val ended = CountDownLatch(1)
        val seen = ArrayList<Long>()
        lateinit var loading: FrzLoading
        val options = FrzModuleOptions.builder()
            .background { Thread { it.run().also { ended.countDown() } }.start() }
            .progress { done, _ ->
                seen.add(done)
                reached.await()
                loading.cancel()
            }
            .callbacks(Runnable::run)
            .build()
        loading = start(options = options)
        reached.countDown()
        assertEquals(Kind.CANCELLED, (told.only() as FrzModuleException).kind)
        assertTrue(ended.await(20, TimeUnit.SECONDS))
        assertEquals(listOf(0L), seen)
    }

    @Test
    fun `progress and result come on the executor for callbacks`() {
        val callbacks = Executors.newSingleThreadExecutor { Thread(it, "ui") }
        val threads = LinkedBlockingQueue<String>()
        val options = FrzModuleOptions.builder()
            .progress { _, _ -> threads.add(Thread.currentThread().name) }
            .callbacks(callbacks)
            .build()
        FrzModule.loadAsync(part("wide.ptl"), part("wide.frz"), cache, told, options)
        (told.only() as Module).destroy()
        callbacks.shutdown()
        assertEquals(setOf("ui"), threads.toSet())
        assertTrue(threads.size >= 3)
    }
}
