package io.frz.loading.ktx

import io.frz.ErrorCode
import io.frz.FrzException
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
import java.io.ByteArrayInputStream
import java.io.File
import java.io.IOException
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executor
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineExceptionHandler
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.supervisorScope
import kotlinx.coroutines.suspendCancellableCoroutine
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests loading from coroutines. */
class FrzCoroutinesTest {
    private class Net {
        var isFreed = false
    }

    /** A runtime that reads all weights and reports its progress. */
    private object Fake : FrzRuntime<Net> {
        override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad): Net {
            load.report(0, 1)
            weights.forEach { load.checkCancelled() }
            load.report(1, 1)
            return Net()
        }

        override fun free(network: Net) {
            network.isFreed = true
        }
    }

    private val direct = FrzLoadOptions.builder().callbacks(Runnable::run).build()

    private suspend fun load(weights: FrzPart = part("wide.frz"), options: FrzLoadOptions = direct): Net =
        FrzLoader(Fake, part("wide.ptl"), weights).await(options)

    @Test
    fun `a network is delivered to the coroutine`() = runBlocking {
        val seen = LinkedBlockingQueue<Long>()
        load(options = direct.newBuilder().progress { done, _ -> seen.add(done) }.build())
        assertEquals(0L, seen.first())
        assertTrue(seen.last() > 0)
    }

    @Test
    fun `failures are the same as those of the library`() {
        val thrown = assertThrows(FrzException::class.java) { runBlocking { load(part("wide.ptl")) } }
        assertEquals(ErrorCode.MAGIC, thrown.code)
        val missing = assertThrows(FrzLoadException::class.java) {
            runBlocking { FrzLoader(Fake, part("wide.ptl"), FrzPart.of(File("nothing"))).await() }
        }
        assertEquals(Kind.UNREADABLE, missing.kind)
    }

    @Test
    fun `a failure of a listener is not blamed on the weights`() {
        val failure = IOException("a fault of the app")
        val thrown = assertThrows(FrzLoadException::class.java) {
            runBlocking { load(options = direct.newBuilder().progress { _, _ -> throw failure }.build()) }
        }
        // Coroutines can copy exceptions in order to add stack traces.
        val found = generateSequence<Throwable>(thrown) { it.cause }
        assertEquals(Kind.RUNTIME_FAILED, thrown.kind)
        assertTrue(failure in found, "$thrown")
    }

    /** Returns the exception thrown by a load that is cancelled after it has started. */
    @OptIn(ExperimentalCoroutinesApi::class)
    private fun cancelled(options: FrzLoadOptions, begun: CountDownLatch): Throwable? = runBlocking {
        supervisorScope {
            val loading = async(Dispatchers.Default) { load(options = options) }
            assertTrue(begun.await(20, TimeUnit.SECONDS))
            loading.cancelAndJoin()
            loading.getCompletionExceptionOrNull()
        }
    }

    @Test
    fun `a cancelled load does not throw an IOException`() {
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
    fun `a network that is ready too late is freed`() {
        val waiting = LinkedBlockingQueue<Runnable>()
        val dispatcher = Executor { waiting.add(it) }.asCoroutineDispatcher()
        val network = Net()
        lateinit var callback: FrzCallback<Net>
        runBlocking {
            supervisorScope {
                val loading = async(dispatcher, CoroutineStart.UNDISPATCHED) {
                    suspendCancellableCoroutine<Net> { callback = Resuming(it, Fake) }
                }
                callback.onLoaded(network)
                // The network is ready, but the coroutine has not yet resumed to receive it.
                val resumed = checkNotNull(waiting.poll())
                loading.cancel()
                assertFalse(network.isFreed)
                resumed.run()
                loading.join()
                assertTrue(loading.isCancelled)
                assertTrue(network.isFreed)
            }
        }
    }

    @Test
    fun `an executor that is shut down does not end the coroutine silently`() {
        val refusing = Executor { throw RejectedExecutionException() }
        val stream = object : ByteArrayInputStream(ByteArray(1)) {
            var isClosed = false

            override fun close() {
                isClosed = true
            }
        }
        val options = direct.newBuilder().background(refusing).build()
        val failures = LinkedBlockingQueue<Throwable>()
        runBlocking {
            supervisorScope {
                launch(CoroutineExceptionHandler { _, thrown -> failures.add(thrown) }) {
                    load(FrzPart.of(stream), options)
                }
            }
        }
        assertEquals(Kind.CANCELLED, (failures.single() as FrzLoadException).kind)
        assertTrue(stream.isClosed)
    }

    companion object {
        fun resource(name: String) = File("../pytorch/src/test/resources/$name")

        fun part(name: String): FrzPart = FrzPart.of(resource(name))
    }
}
