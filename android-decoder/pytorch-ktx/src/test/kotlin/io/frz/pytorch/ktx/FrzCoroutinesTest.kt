package io.frz.pytorch.ktx

import android.content.Context
import android.content.res.AssetManager
import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.host.LiteRuntime
import io.frz.pytorch.FrzCallback
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind
import io.frz.pytorch.FrzModuleOptions
import io.frz.pytorch.FrzPart
import java.io.ByteArrayInputStream
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.suspendCancellableCoroutine
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.mockito.ArgumentMatchers.anyString
import org.mockito.Mockito.mock
import org.mockito.Mockito.never
import org.mockito.Mockito.verify
import org.mockito.Mockito.`when`
import org.pytorch.Module

/** Loading from coroutines. */
class FrzCoroutinesTest {
    @TempDir
    lateinit var cache: File

    private val direct = FrzModuleOptions.builder().callbacks(Runnable::run).build()

    private suspend fun load(weights: FrzPart = part("wide.frz"), options: FrzModuleOptions = direct): Module =
        FrzCoroutines.load(part("wide.ptl"), weights, cache, options)

    @Test
    fun `a module comes to the coroutine`() = runBlocking {
        val seen = LinkedBlockingQueue<Long>()
        load(options = direct.newBuilder().progress { done, _ -> seen.add(done) }.build()).destroy()
        assertEquals(0L, seen.first())
        assertTrue(seen.last() > 0)
    }

    @Test
    fun `assets come to the coroutine`() = runBlocking {
        val assets = mock(AssetManager::class.java)
        val context = mock(Context::class.java)
        `when`(context.assets).thenReturn(assets)
        `when`(context.codeCacheDir).thenReturn(cache)
        `when`(assets.openFd(anyString())).thenThrow(FileNotFoundException("it is compressed"))
        `when`(assets.open(anyString())).thenAnswer { call -> resource(call.getArgument(0)).inputStream() }
        FrzCoroutines.load(context, "tiny.ptl", "tiny.frz").destroy()
    }

    @Test
    fun `failures are those of the library`() {
        val thrown = assertThrows(FrzException::class.java) { runBlocking { load(part("wide.ptl")) } }
        assertEquals(ErrorCode.MAGIC, thrown.code)
        val missing = assertThrows(FrzModuleException::class.java) {
            runBlocking { FrzCoroutines.load(part("wide.ptl"), FrzPart.of(File(cache, "nothing")), cache) }
        }
        assertEquals(Kind.UNREADABLE, missing.kind)
    }

    /** The outcome of loading that is cancelled once it has begun. */
    @OptIn(ExperimentalCoroutinesApi::class)
    private fun cancelled(options: FrzModuleOptions, begun: CountDownLatch): Throwable? = runBlocking {
        supervisorScope {
            val loading = async(Dispatchers.Default) { load(options = options) }
            assertTrue(begun.await(20, TimeUnit.SECONDS))
            loading.cancelAndJoin()
            loading.getCompletionExceptionOrNull()
        }
    }

    @Test
    fun `a cancelled load ends, and is no failure of input`() {
        val begun = CountDownLatch(1)
        val ended = CountDownLatch(1)
        val options = direct.newBuilder()
            .background { task -> Thread { task.run().also { ended.countDown() } }.start() }
            .progress { _, _ ->
                begun.countDown()
                try {
                    Thread.sleep(60_000)
                } catch (_: InterruptedException) {
                    Thread.currentThread().interrupt()
                }
            }
            .build()
        val thrown = cancelled(options, begun)
        assertTrue(thrown is CancellationException, "$thrown")
        assertFalse(thrown is IOException)
        assertTrue(ended.await(20, TimeUnit.SECONDS))
    }

    @Test
    fun `a module that comes too late is destroyed`() {
        val waiting = LinkedBlockingQueue<Runnable>()
        val dispatcher = Executor { waiting.add(it) }.asCoroutineDispatcher()
        val module = mock(Module::class.java)
        lateinit var callback: FrzCallback
        runBlocking {
            supervisorScope {
                val loading = async(dispatcher, CoroutineStart.UNDISPATCHED) {
                    suspendCancellableCoroutine<Module> { callback = FrzCoroutines.Resuming(it) }
                }
                callback.onLoaded(module)
                // The module is there, but the coroutine has not run again to take it.
                val resumed = checkNotNull(waiting.poll())
                loading.cancel()
                verify(module, never()).destroy()
                resumed.run()
                loading.join()
                assertTrue(loading.isCancelled)
                verify(module).destroy()
            }
        }
    }

    @Test
    fun `an executor that is shut down cancels the coroutine`() {
        val refusing = Executor { throw RejectedExecutionException() }
        val stream = object : ByteArrayInputStream(ByteArray(1)) {
            var isClosed = false

            override fun close() {
                isClosed = true
            }
        }
        val options = direct.newBuilder().background(refusing).build()
        assertThrows(CancellationException::class.java) { runBlocking { load(FrzPart.of(stream), options) } }
        assertTrue(stream.isClosed)
    }

    companion object {
        @JvmStatic
        @BeforeAll
        fun start() {
            val obstacle = LiteRuntime.obstacle
            if (System.getProperty("frz.native.required") == "true") assertNull(obstacle)
            assumeTrue(obstacle == null) { "not run: PyTorch Mobile cannot run here: $obstacle" }
            LiteRuntime.start()
        }

        fun resource(name: String) = File("../pytorch/src/test/resources/$name")

        fun part(name: String): FrzPart = FrzPart.of(resource(name))
    }
}
