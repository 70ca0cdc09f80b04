package io.frz.onnxruntime

import ai.onnxruntime.OrtSession
import android.content.Context
import android.content.res.AssetManager
import io.frz.FrzFile
import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoad
import io.frz.loading.FrzLoadException
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.FrzLoadOptions
import io.frz.loading.FrzLoader
import io.frz.loading.FrzPart
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import io.frz.loading.ktx.await
import java.io.FileNotFoundException
import java.io.IOException
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.locks.LockSupport
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.mockito.ArgumentMatchers.anyString
import org.mockito.Mockito.mock
import org.mockito.Mockito.`when`

/** Tests the basics of loading with ONNX Runtime; the tests of io.frz.loading cover the details. */
class LoaderTest : OnRuntime() {
    private val skeleton = FrzPart.of(resource("tiny.onnx"))
    private val weights = FrzPart.of(resource("tiny.frz"))
    private val inputSkeleton = FrzPart.of(resource("tiny.inputs.onnx"))

    private val context = mock(Context::class.java).also { context ->
        val assets = mock(AssetManager::class.java)
        `when`(context.assets).thenReturn(assets)
        `when`(assets.open(anyString())).thenAnswer { call -> resource(call.getArgument(0)).inputStream() }
        `when`(assets.openFd(anyString())).thenThrow(FileNotFoundException("it is compressed"))
    }

    /** Records the calls to a callback. */
    private class Told<N : Any> : FrzCallback<N> {
        val all = LinkedBlockingQueue<Any>()

        override fun onLoaded(network: N) {
            all.add(network)
        }

        override fun onFailed(cause: IOException) {
            all.add(cause)
        }

        fun next(): Any = checkNotNull(all.poll(20, TimeUnit.SECONDS)) { "nothing was reported" }
    }

    /** Checks [loaded], and what [loader] loads in the background and from a coroutine. */
    private fun <N : Any> checkWays(loaded: N, loader: FrzLoader<N>, check: (N) -> Unit) {
        check(loaded)
        val told = Told<N>()
        loader.loadAsync(told)
        @Suppress("UNCHECKED_CAST")
        check(told.next() as N)
        check(runBlocking { loader.await() })
    }

    @Test
    fun `assets are loaded on this thread, in the background, and from a coroutine`() {
        val loader = FrzSession.loader(context, "tiny.onnx", "tiny.frz")
        checkWays(FrzSession.load(context, "tiny.onnx", "tiny.frz"), loader) { check(it, "tiny") }
        val missing = assertThrows(FrzLoadException::class.java) { FrzSession.load(context, "tiny.onnx", "gone.frz") }
        assertEquals(Kind.UNREADABLE, missing.kind)
        assertTrue("gone.frz" in missing.message!!, missing.message)
    }

    @Test
    fun `assets whose weights are inputs can be loaded in the same ways`() {
        val loader = FrzInputSession.loader(context, "tiny.inputs.onnx", "tiny.frz")
        checkWays(FrzInputSession.load(context, "tiny.inputs.onnx", "tiny.frz"), loader) { check(it, "tiny") }
    }

    @Test
    fun `an interrupt cancels at every step, and the thread stays interrupted`() {
        checkInterrupts(FrzSession.loaderOf(skeleton, weights))
        checkInterrupts(FrzInputSession.loaderOf(inputSkeleton, weights))
        checkInterruptInSetup(FrzSession.loaderOf(skeleton, weights) { Thread.currentThread().interrupt() })
        checkInterruptInSetup(FrzInputSession.loaderOf(inputSkeleton, weights) { Thread.currentThread().interrupt() })
    }

    private fun <N : AutoCloseable> checkInterrupts(loader: FrzLoader<N>) {
        val steps = ArrayList<Long>()
        loader.load(FrzLoadOptions.builder().progress { done, _ -> steps += done }.build()).close()
        for (step in steps) {
            val options = FrzLoadOptions.builder().progress { done, _ ->
                if (done == step) Thread.currentThread().interrupt()
            }
            val cancelled = assertThrows(FrzLoadException::class.java) { loader.load(options.build()) }
            assertEquals(Kind.CANCELLED, cancelled.kind, "$step")
            assertTrue(Thread.interrupted())
        }
    }

    private fun checkInterruptInSetup(loader: FrzLoader<*>) {
        assertEquals(Kind.CANCELLED, assertThrows(FrzLoadException::class.java) { loader.load() }.kind)
        assertTrue(Thread.interrupted())
    }

    @Test
    fun `a cancelled coroutine does not throw an IOException`() {
        val loader = FrzSession.loaderOf(skeleton, weights) { Thread.currentThread().interrupt() }
        assertThrows(CancellationException::class.java) { runBlocking { loader.await() } }
    }

    /** Wraps a runtime and counts its open sessions. */
    private class Counting<N : Any>(private val runtime: FrzRuntime<N>) : FrzRuntime<N> {
        val open = AtomicInteger()

        override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): N =
            runtime.start(skeleton, weights, load).also { open.incrementAndGet() }

        override fun free(network: N) {
            runtime.free(network)
            open.decrementAndGet()
        }
    }

    @Test
    fun `whenever loading is cancelled, the session is delivered or closed`() {
        checkCancelling<OrtSession>(FrzSession.loaderOf(skeleton, weights).runtime, skeleton)
        checkCancelling<FrzInputSession>(FrzInputSession.loaderOf(inputSkeleton, weights).runtime, inputSkeleton)
    }

    private inline fun <reified N : Any> checkCancelling(counted: FrzRuntime<N>, skeleton: FrzPart) {
        val pool = Executors.newFixedThreadPool(2)
        val options = FrzLoadOptions.builder().background(pool).callbacks(pool).build()
        val runtime = Counting(counted)
        val told = Told<N>()
        repeat(100) { i ->
            val loading = FrzLoader(runtime, skeleton, weights).loadAsync(told, options)
            LockSupport.parkNanos(i * 50_000L)
            val isCancelled = loading.cancel()
            val end = told.next()
            assertEquals(isCancelled, end is FrzLoadException)
            if (end is N) runtime.free(end)
        }
        pool.shutdown()
        assertTrue(pool.awaitTermination(20, TimeUnit.SECONDS))
        assertEquals(0, runtime.open.get())
        assertTrue(told.all.isEmpty())
    }

    @Test
    fun `many threads load at the same time`() {
        val pool = Executors.newFixedThreadPool(8)
        val sessions = List(24) { pool.submit<OrtSession> { FrzSession.loaderOf(skeleton, weights).load() } }
        for (session in sessions) check(session.get(), "tiny")
        pool.shutdown()
    }
}
