package io.frz.onnxruntime

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
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Deferred
import kotlinx.coroutines.async
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
    private class Told : FrzCallback<FrzSession> {
        val all = LinkedBlockingQueue<Any>()

        override fun onLoaded(network: FrzSession) {
            all.add(network)
        }

        override fun onFailed(cause: IOException) {
            all.add(cause)
        }

        fun next(): Any = checkNotNull(all.poll(20, TimeUnit.SECONDS)) { "nothing was reported" }
    }

    @Test
    fun `assets are loaded on this thread, in the background, and from a coroutine`() {
        for (skeleton in listOf("tiny.onnx", "tiny.inputs.onnx")) {
            val loader = FrzSession.loader(context, skeleton, "tiny.frz")
            check(loader.load(), "tiny")
            val told = Told()
            loader.loadAsync(told)
            check(told.next() as FrzSession, "tiny")
            check(runBlocking { loader.await() }, "tiny")
        }
        val missing = assertThrows(FrzLoadException::class.java) {
            FrzSession.loader(context, "tiny.onnx", "gone.frz").load()
        }
        assertEquals(Kind.UNREADABLE, missing.kind)
        assertTrue("gone.frz" in missing.message!!, missing.message)
    }

    @Test
    fun `an interrupt cancels at every step, and the thread stays interrupted`() {
        for (part in listOf(skeleton, inputSkeleton)) {
            checkInterrupts(FrzSession.loaderOf(part, weights))
            val interrupting = FrzSession.loaderOf(part, weights) { Thread.currentThread().interrupt() }
            assertEquals(Kind.CANCELLED, assertThrows(FrzLoadException::class.java) { interrupting.load() }.kind)
            assertTrue(Thread.interrupted())
        }
    }

    private fun checkInterrupts(loader: FrzLoader<FrzSession>) {
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

    @Test
    fun `a cancelled coroutine does not throw an IOException`() {
        assertThrows(CancellationException::class.java) {
            runBlocking {
                lateinit var loading: Deferred<FrzSession>
                val loader = FrzSession.loaderOf(skeleton, weights) { loading.cancel() }
                loading = async(start = CoroutineStart.LAZY) { loader.await() }
                loading.await()
            }
        }
    }

    /** Wraps a runtime and counts its open sessions. */
    private class Counting(private val runtime: FrzRuntime<FrzSession>) : FrzRuntime<FrzSession> {
        val open = AtomicInteger()

        override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): FrzSession =
            runtime.start(skeleton, weights, load).also { open.incrementAndGet() }

        override fun free(network: FrzSession) {
            runtime.free(network)
            open.decrementAndGet()
        }
    }

    @Test
    fun `whenever loading is cancelled, the session is delivered or closed`() {
        for (part in listOf(skeleton, inputSkeleton)) checkCancelling(part)
    }

    private fun checkCancelling(skeleton: FrzPart) {
        val pool = Executors.newFixedThreadPool(2)
        val options = FrzLoadOptions.builder().background(pool).callbacks(pool).build()
        val runtime = Counting(FrzSession.loaderOf(skeleton, weights).runtime)
        val told = Told()
        repeat(100) { i ->
            val loading = FrzLoader(runtime, skeleton, weights).loadAsync(told, options)
            LockSupport.parkNanos(i * 50_000L)
            val isCancelled = loading.cancel()
            val end = told.next()
            assertEquals(isCancelled, end is FrzLoadException)
            if (end is FrzSession) runtime.free(end)
        }
        pool.shutdown()
        assertTrue(pool.awaitTermination(20, TimeUnit.SECONDS))
        assertEquals(0, runtime.open.get())
        assertTrue(told.all.isEmpty())
    }

    @Test
    fun `many threads load at the same time`() {
        val pool = Executors.newFixedThreadPool(8)
        val sessions = List(24) { pool.submit<FrzSession> { FrzSession.loaderOf(skeleton, weights).load() } }
        for (session in sessions) check(session.get(), "tiny")
        pool.shutdown()
    }
}
