package io.frz.pytorch

import io.frz.FrzException
import io.frz.pytorch.FrzModuleException.Kind
import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.net.SocketTimeoutException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.locks.LockSupport
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.mockito.Mockito.doAnswer
import org.mockito.Mockito.mock
import org.mockito.Mockito.never
import org.mockito.Mockito.verify
import org.pytorch.Module

/** Loading in the background. */
class FrzLoadingTest : OnRuntime() {
    @TempDir
    lateinit var cache: File

    /** Collects the calls of a callback. */
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
    fun `a module is told once and belongs to the callback`() {
        val loading = start()
        val module = told.only() as Module
        assertTrue(loading.isDone)
        assertFalse(loading.cancel())
        assertFalse(loading.isCancelled)
        wideOutputOf(module)
        module.destroy()
    }

    @Test
    fun `a failure is told as it is`() {
        val loading = start(part("tiny.ptl"))
        assertTrue(told.only() is FrzException)
        assertTrue(loading.isDone && !loading.isCancelled && !loading.cancel())
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
        assertTrue(loading.isCancelled && loading.isDone && !loading.cancel())
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

    /** A stream that records whether it has been closed; closing it fails. */
    private class Unclosable(bytes: ByteArray) : ByteArrayInputStream(bytes) {
        var isClosed = false

        override fun close() {
            isClosed = true
            throw IOException("cannot be closed")
        }
    }

    private val skeletonStream = Unclosable(resource("tiny.ptl").readBytes())
    private val weightsStream = Unclosable(resource("tiny.frz").readBytes())

    private fun fromStreams(options: FrzModuleOptions) =
        FrzModule.loadAsync(FrzPart.of(skeletonStream), FrzPart.of(weightsStream), cache, told, options)

    private fun checkStreams() = assertTrue(skeletonStream.isClosed && weightsStream.isClosed)

    private val refusing = Executor { throw RejectedExecutionException("closed for today") }
    private val module = mock(Module::class.java)
    private val direct = FrzModuleOptions.builder().background(Runnable::run).callbacks(Runnable::run).build()

    private fun checkCancelled() = assertEquals(Kind.CANCELLED, (told.only() as FrzModuleException).kind)

    @Test
    fun `streams that cannot be closed lose no module`() {
        fromStreams(direct)
        (told.only() as Module).destroy()
        checkStreams()
    }

    @Test
    fun `what is cancelled while it waits closes its streams`() {
        val loading = fromStreams(direct.newBuilder().background { }.build())
        assertTrue(loading.cancel())
        checkStreams()
        checkCancelled()
    }

    @Test
    fun `an executor that refuses to load is told, and streams are closed`() {
        val loading = fromStreams(direct.newBuilder().background(refusing).build())
        checkCancelled()
        checkStreams()
        assertTrue(loading.isDone && !loading.isCancelled)
    }

    @Test
    fun `a module that no executor takes is destroyed, and its callback told`() {
        FrzLoading.start(told, direct.newBuilder().callbacks(refusing).build(), emptyList()) { module }
        checkCancelled()
        verify(module).destroy()
    }

    @Test
    fun `an executor that refuses progress ends loading`() {
        start(options = direct.newBuilder().progress { _, _ -> }.callbacks(refusing).build())
        checkCancelled()
    }

    @Test
    fun `a module is not delivered after its loading was cancelled`() {
        val waiting = ArrayList<Runnable>()
        val options = direct.newBuilder().callbacks { waiting.add(it) }.build()
        val loading = FrzLoading.start(told, options, emptyList()) { module }
        assertFalse(loading.isDone)
        assertTrue(loading.cancel())
        verify(module).destroy()
        waiting.forEach(Runnable::run)
        checkCancelled()
    }

    @Test
    fun `a failure of the callback is the app's own, and the module too`() {
        val callback = object : FrzCallback {
            override fun onLoaded(module: Module) = error("a fault of the app")

            override fun onFailed(cause: IOException) {
                told.all.add(cause)
            }
        }
        val thrown = assertThrows(IllegalStateException::class.java) {
            FrzLoading.start(callback, direct, emptyList()) { module }
        }
        assertEquals("a fault of the app", thrown.message)
        verify(module, never()).destroy()
        assertTrue(told.all.isEmpty())
    }

    @Test
    fun `whenever it is cancelled, a module is delivered or destroyed`() {
        val pool = Executors.newFixedThreadPool(2)
        val options = FrzModuleOptions.builder().background(pool).callbacks(pool).build()
        val destroyed = AtomicInteger()
        doAnswer { destroyed.incrementAndGet() }.`when`(module).destroy()
        val made = AtomicInteger()
        repeat(500) { i ->
            val loading = FrzLoading.start(told, options, emptyList()) {
                made.incrementAndGet()
                module
            }
            LockSupport.parkNanos(i % 50 * 2000L)
            val isCancelled = loading.cancel()
            val end = checkNotNull(told.all.poll(20, TimeUnit.SECONDS))
            assertEquals(isCancelled, end is FrzModuleException)
            if (end is Module) destroyed.incrementAndGet()
        }
        pool.shutdown()
        assertTrue(pool.awaitTermination(20, TimeUnit.SECONDS))
        assertEquals(made.get(), destroyed.get())
        assertTrue(told.all.isEmpty())
    }

    @Test
    fun `a part of a stream serves one load`() {
        val weights = FrzPart.of(resource("tiny.frz").inputStream())
        FrzModule.load(part("tiny.ptl"), weights, cache).destroy()
        val thrown = assertThrows(FrzModuleException::class.java) { FrzModule.load(part("tiny.ptl"), weights, cache) }
        assertEquals(Kind.UNREADABLE, thrown.kind)
        assertTrue("has been used" in thrown.message!!, thrown.message)
    }

    @Test
    fun `a stream that is interrupted by its own time limit is unreadable, not cancelled`() {
        val slow = object : InputStream() {
            override fun read(): Int = throw SocketTimeoutException("no byte for a minute")
        }
        val thrown = assertThrows(FrzModuleException::class.java) {
            FrzModule.load(part("tiny.ptl"), FrzPart.of(slow), cache)
        }
        assertEquals(Kind.UNREADABLE, thrown.kind)
    }
}
