package io.frz.loading

import io.frz.loading.Fake.Companion.loader
import io.frz.loading.Fake.Companion.resource
import io.frz.testing.Hog
import io.frz.testing.NO_RESERVES
import io.frz.testing.runOnSmallHeap
import java.io.IOException
import java.util.TreeMap
import java.util.concurrent.Executor
import java.util.concurrent.locks.LockSupport
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Tests loading in the background on a full heap. */
class FullHeapTest {
    @Test
    fun `every load tells its callback, however little memory is left`() {
        val output = runOnSmallHeap(FullHeap::class.java, 16, flags = NO_RESERVES)
        val counts = Regex("(\\w+)=(\\d+)").findAll(output).associate { it.groupValues[1] to it.groupValues[2].toInt() }
        assertEquals(setOf("failed", "loaded", "unstarted"), counts.keys, output)
        assertEquals(FullHeap.ROUNDS, counts.values.sum(), output)
    }
}

/** Repeatedly loads a network in the background with a certain amount of free memory, and counts the outcomes. */
object FullHeap {
    const val ROUNDS = 100
    private const val FINE = 80
    private const val COARSE = 50

    /** One thread that exists in advance and runs tasks. Neither it nor waiting for it allocates memory. */
    private class Single : Executor {
        @Volatile
        private var task: Runnable? = null

        init {
            Thread(::work).apply { isDaemon = true }.start()
        }

        override fun execute(task: Runnable) {
            this.task = task
        }

        /** Waits until the task has ended. */
        fun await() {
            while (task != null) LockSupport.parkNanos(PAUSE)
        }

        private fun work() {
            while (true) {
                val next = task
                if (next == null) {
                    LockSupport.parkNanos(PAUSE)
                    continue
                }
                try {
                    next.run()
                } catch (_: Throwable) {
                    // The task has failed, and an executor would report that.
                }
                task = null
            }
        }

        private companion object {
            const val PAUSE = 20_000L
        }
    }

    /** Records the outcome of a load without allocating memory. */
    private class Told : FrzCallback<Net> {
        @Volatile
        var outcome = "none"

        override fun onLoaded(network: Net) = tell("loaded")

        override fun onFailed(cause: IOException) = tell("failed")

        private fun tell(what: String) {
            outcome = if (outcome == "none") what else "twice"
        }
    }

    @JvmStatic
    fun main(arguments: Array<String>) {
        val background = Single()
        val options = FrzLoadOptions.builder().background(background).callbacks(Runnable::run).build()
        val parts = listOf("tiny.ptl", "tiny.frz").map { FrzPart.of(resource(it).readBytes()) }
        val loader = loader(parts[0], parts[1])
        // A class that is first used when memory has run out cannot be used again.
        for (each in listOf(loader, loader(parts[1], parts[0]))) {
            each.loadAsync(Told(), options)
            background.await()
        }
        val outcomes = TreeMap<String, Int>()
        for (round in 0 until ROUNDS) {
            val told = Told()
            val hog = Hog(1 shl 14, 48)
            hog.free(if (round < FINE) round else FINE + COARSE * (round - FINE))
            try {
                loader.loadAsync(told, options)
                background.await()
            } catch (_: OutOfMemoryError) {
                told.outcome = "unstarted"
            }
            hog.clear()
            outcomes[told.outcome] = (outcomes[told.outcome] ?: 0) + 1
        }
        println(outcomes)
    }
}
