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

    private val context = mock(Context::class.java).also { context ->
        val assets = mock(AssetManager::class.java)
        `when`(context.assets).thenReturn(assets)
        `when`(assets.open(anyString())).thenAnswer { call -> resource(call.getArgument(0)).inputStream() }
        `when`(assets.openFd(anyString())).thenThrow(FileNotFoundException("it is compressed"))
    }

    /** Records the calls to a callback. */
    private class Told : FrzCallback<OrtSession> {
        val all = LinkedBlockingQueue<Any>()

        override fun onLoaded(network: OrtSession) {
            all.add(network)
        }

        override fun onFailed(cause: IOException) {
            all.add(cause)
        }

        fun next(): Any = checkNotNull(all.poll(20, TimeUnit.SECONDS)) { "nothing was reported" }
    }

    private val told = Told()

    @Test
    fun `assets are loaded on this thread, in the background, and from a coroutine`() {
        check(FrzSession.load(context, "tiny.onnx", "tiny.frz"), "tiny")
        val loader = FrzSession.loader(context, "tiny.onnx", "tiny.frz")
        loader.loadAsync(told)
        check(told.next() as OrtSession, "tiny")
        check(runBlocking { loader.await() }, "tiny")
        val missing = assertThrows(FrzLoadException::class.java) { FrzSession.load(context, "tiny.onnx", "gone.frz") }
        assertEquals(Kind.UNREADABLE, missing.kind)
        assertTrue("gone.frz" in missing.message!!, missing.message)
    }

    @Test
    fun `an interrupt cancels at every step, and the thread stays interrupted`() {
        val steps = ArrayList<Long>()
        val loader = FrzSession.loaderOf(skeleton, weights)
        loader.load(FrzLoadOptions.builder().progress { done, _ -> steps += done }.build()).close()
        for (step in steps) {
            val options = FrzLoadOptions.builder().progress { done, _ ->
                if (done == step) Thread.currentThread().interrupt()
            }
            val cancelled = assertThrows(FrzLoadException::class.java) { loader.load(options.build()) }
            assertEquals(Kind.CANCELLED, cancelled.kind, "$step")
            assertTrue(Thread.interrupted())
        }
        val inSetup = FrzSession.loaderOf(skeleton, weights) { Thread.currentThread().interrupt() }
        assertEquals(Kind.CANCELLED, assertThrows(FrzLoadException::class.java) { inSetup.load() }.kind)
        assertTrue(Thread.interrupted())
    }

    @Test
    fun `a cancelled coroutine does not throw an IOException`() {
        val loader = FrzSession.loaderOf(skeleton, weights) { Thread.currentThread().interrupt() }
        assertThrows(CancellationException::class.java) { runBlocking { loader.await() } }
    }

    /** A wrapper around ONNX Runtime that counts open sessions. */
    private class Counting : FrzRuntime<OrtSession> {
        private val runtime = FrzSession.loaderOf(FrzPart.of(ByteArray(0)), FrzPart.of(ByteArray(0))).runtime
        val open = AtomicInteger()

        override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): OrtSession =
            runtime.start(skeleton, weights, load).also { open.incrementAndGet() }

        override fun free(network: OrtSession) {
            runtime.free(network)
            open.decrementAndGet()
        }
    }

    @Test
    fun `whenever loading is cancelled, the session is delivered or closed`() {
        val pool = Executors.newFixedThreadPool(2)
        val options = FrzLoadOptions.builder().background(pool).callbacks(pool).build()
        val runtime = Counting()
        repeat(100) { i ->
            val loading = FrzLoader(runtime, skeleton, weights).loadAsync(told, options)
            LockSupport.parkNanos(i * 50_000L)
            val isCancelled = loading.cancel()
            val end = told.next()
            assertEquals(isCancelled, end is FrzLoadException)
            if (end is OrtSession) runtime.free(end)
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
