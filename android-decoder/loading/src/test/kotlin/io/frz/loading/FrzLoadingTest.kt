package io.frz.loading

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.loading.Fake.Companion.loader
import io.frz.loading.Fake.Companion.part
import io.frz.loading.Fake.Companion.resource
import io.frz.loading.FrzLoadException.Kind
import io.frz.loading.internal.Task
import java.io.ByteArrayInputStream
import java.io.IOException
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

/** Tests loading in the background. */
class FrzLoadingTest {
    /** Records the calls to a callback. */
    private class Told : FrzCallback<Net> {
        val all = LinkedBlockingQueue<Any>()

        override fun onLoaded(network: Net) {
            all.add(network)
        }

        override fun onFailed(cause: IOException) {
            all.add(cause)
        }

        fun only(): Any {
            val first = checkNotNull(all.poll(20, TimeUnit.SECONDS)) { "nothing was reported" }
            assertNull(all.poll(50, TimeUnit.MILLISECONDS), "told twice")
            return first
        }
    }

    private val told = Told()

    private fun start(weights: FrzPart = part("wide.frz"), options: FrzLoadOptions = FrzLoadOptions.DEFAULT) =
        loader(part("wide.ptl"), weights).loadAsync(told, options)

    @Test
    fun `a network is delivered once, and the callback owns it`() {
        val loading = start()
        val network = told.only() as Net
        assertTrue(loading.isDone)
        assertFalse(loading.cancel())
        assertFalse(loading.isCancelled)
        assertFalse(network.isFreed)
    }

    @Test
    fun `a failure is reported unchanged`() {
        val loading = start(part("tiny.ptl"))
        assertTrue(told.only() is FrzException)
        assertTrue(loading.isDone && !loading.isCancelled && !loading.cancel())
    }

    @Test
    fun `a failure of the app is also reported`() {
        val options = FrzLoadOptions.builder().progress { _, _ -> error("a fault") }.callbacks(Runnable::run).build()
        start(options = options)
        val failure = told.only() as FrzLoadException
        assertEquals(Kind.RUNTIME_FAILED, failure.kind)
        assertTrue("a fault" in failure.message!!)
    }

    @Test
    fun `a failure of a listener or an executor is reported as such`() {
        val problem = "a fault of the app"
        fun check(error: Throwable, options: FrzLoadOptions.Builder) {
            start(options = options.build())
            val failure = told.only() as FrzLoadException
            assertEquals(Kind.RUNTIME_FAILED to error, failure.kind to failure.cause)
            assertTrue(problem in failure.message!!, failure.message)
        }
        val error = OutOfMemoryError(problem)
        for (each in listOf(error, IOException(problem), FrzException(ErrorCode.VALUE, problem))) {
            check(each, direct.newBuilder().progress { _, _ -> throw each })
        }
        check(error, direct.newBuilder().progress { _, _ -> }.callbacks { throw error })
        check(error, direct.newBuilder().callbacks { throw error })
        check(error, direct.newBuilder().background { throw error })
    }

    @Test
    fun `a failure that cannot be described is reported nevertheless`() {
        val error = object : Error() {
            override fun toString(): String = throw StackOverflowError()
        }
        start(options = direct.newBuilder().progress { _, _ -> throw error }.build())
        val failure = told.only() as FrzLoadException
        assertEquals(Kind.RUNTIME_FAILED, failure.kind)
        assertTrue("not enough memory" in failure.message!!, failure.message)
    }

    @Test
    fun `loading can be cancelled before it begins`() {
        val waiting = ArrayList<Runnable>()
        val loading = start(options = FrzLoadOptions.builder().background(Executor { waiting.add(it) }).build())
        assertTrue(loading.cancel())
        assertEquals(Kind.CANCELLED, (told.only() as FrzLoadException).kind)
        waiting.forEach(Runnable::run)
        assertTrue(loading.isCancelled && loading.isDone && !loading.cancel())
    }

    @Test
    fun `loading can be cancelled between tensors`() {
        val reached = CountDownLatch(1)
        val ended = CountDownLatch(1)
        val seen = ArrayList<Long>()
        lateinit var loading: FrzLoading
        val options = FrzLoadOptions.builder()
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
        assertEquals(Kind.CANCELLED, (told.only() as FrzLoadException).kind)
        assertTrue(ended.await(20, TimeUnit.SECONDS))
        assertEquals(listOf(0L), seen)
    }

    @Test
    fun `progress and result are reported on the executor for callbacks`() {
        val callbacks = Executors.newSingleThreadExecutor { Thread(it, "ui") }
        val threads = LinkedBlockingQueue<String>()
        val options = FrzLoadOptions.builder()
            .progress { _, _ -> threads.add(Thread.currentThread().name) }
            .callbacks(callbacks)
            .build()
        loader(part("wide.ptl"), part("wide.frz")).loadAsync(told, options)
        assertTrue(told.only() is Net)
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
    private val baseStream = Unclosable(ByteArray(0))

    private fun fromStreams(options: FrzLoadOptions) =
        loader(FrzPart.of(skeletonStream), FrzPart.of(weightsStream)).loadAsync(told, options)

    private fun checkStreams() = assertTrue(skeletonStream.isClosed && weightsStream.isClosed)

    private val refusing = Executor { throw RejectedExecutionException("closed for today") }
    private val network = Net(0)
    private val runtime = Fake()
    private val direct = FrzLoadOptions.builder().background(Runnable::run).callbacks(Runnable::run).build()

    private fun deliver(options: FrzLoadOptions) =
        Task(runtime, told, options, emptyList()) { network }.also { it.start() }

    private fun checkCancelled() = assertEquals(Kind.CANCELLED, (told.only() as FrzLoadException).kind)

    @Test
    fun `a stream that cannot be closed does not lose the network`() {
        fromStreams(direct)
        assertTrue(told.only() is Net)
        checkStreams()
    }

    @Test
    fun `a waiting load that is cancelled closes its streams`() {
        val loading = fromStreams(direct.newBuilder().base(FrzPart.of(baseStream)).background { }.build())
        assertTrue(loading.cancel())
        checkStreams()
        assertTrue(baseStream.isClosed)
        checkCancelled()
    }

    @Test
    fun `an executor that rejects loading is reported, and streams are closed`() {
        val loading = fromStreams(direct.newBuilder().background(refusing).build())
        checkCancelled()
        checkStreams()
        assertTrue(loading.isDone && !loading.isCancelled)
    }

    @Test
    fun `a network that no executor delivers is freed, and its callback is notified`() {
        deliver(direct.newBuilder().callbacks(refusing).build())
        checkCancelled()
        assertTrue(network.isFreed)
    }

    @Test
    fun `an executor that accepts a task and then throws does not run it twice`() {
        val waiting = ArrayList<Runnable>()
        val accepting = Executor {
            waiting.add(it)
            throw RejectedExecutionException("too late")
        }
        deliver(direct.newBuilder().callbacks(accepting).build())
        waiting.forEach(Runnable::run)
        checkCancelled()
        assertTrue(network.isFreed)
    }

    @Test
    fun `an executor that rejects progress ends loading`() {
        start(options = direct.newBuilder().progress { _, _ -> }.callbacks(refusing).build())
        checkCancelled()
    }

    @Test
    fun `a network is not delivered after loading was cancelled`() {
        val waiting = ArrayList<Runnable>()
        val options = direct.newBuilder().callbacks { waiting.add(it) }.build()
        val loading = deliver(options)
        assertFalse(loading.isDone)
        assertTrue(loading.cancel())
        assertTrue(network.isFreed)
        waiting.forEach(Runnable::run)
        checkCancelled()
    }

    @Test
    fun `a runtime that fails to free a network does not hide the cancellation`() {
        val failing = object : FrzRuntime<Net> by runtime {
            override fun free(network: Net) = error("a fault of the runtime")
        }
        val waiting = ArrayList<Runnable>()
        val options = direct.newBuilder().callbacks { waiting.add(it) }.build()
        val loading = Task(failing, told, options, emptyList()) { network }.also { it.start() }
        assertThrows(IllegalStateException::class.java) { loading.cancel() }
        assertTrue(loading.isCancelled && loading.isDone)
        waiting.forEach(Runnable::run)
        checkCancelled()
    }

    @Test
    fun `after a failure of the callback, the app still owns the network`() {
        val callback = object : FrzCallback<Net> {
            override fun onLoaded(network: Net) = error("a fault of the app")

            override fun onFailed(cause: IOException) {
                told.all.add(cause)
            }
        }
        val thrown = assertThrows(IllegalStateException::class.java) {
            Task(runtime, callback, direct, emptyList()) { network }.start()
        }
        assertEquals("a fault of the app", thrown.message)
        assertFalse(network.isFreed)
        assertTrue(told.all.isEmpty())
    }

    @Test
    fun `whenever loading is cancelled, the network is delivered or freed`() {
        val pool = Executors.newFixedThreadPool(2)
        val options = FrzLoadOptions.builder().background(pool).callbacks(pool).build()
        val freed = AtomicInteger()
        val counting = object : FrzRuntime<Net> by runtime {
            override fun free(network: Net) {
                freed.incrementAndGet()
            }
        }
        val made = AtomicInteger()
        repeat(500) { i ->
            val loading = Task(counting, told, options, emptyList()) {
                made.incrementAndGet()
                network
            }.also { it.start() }
            LockSupport.parkNanos(i % 50 * 2000L)
            val isCancelled = loading.cancel()
            val end = checkNotNull(told.all.poll(20, TimeUnit.SECONDS))
            assertEquals(isCancelled, end is FrzLoadException)
            if (end is Net) freed.incrementAndGet()
        }
        pool.shutdown()
        assertTrue(pool.awaitTermination(20, TimeUnit.SECONDS))
        assertEquals(made.get(), freed.get())
        assertTrue(told.all.isEmpty())
    }
}
