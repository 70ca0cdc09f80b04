package io.frz.loading.ktx

import io.frz.FrzFile
import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoad
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import java.io.File
import java.io.IOException
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests resuming coroutines on a full heap. */
class FullHeapTest {
    @Test
    fun `every coroutine is resumed, however little memory is left`() {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val flags = listOf("-XX:+UseSerialGC", "-XX:-UseTLAB", "-Xmx16m", "-XX:TieredStopAtLevel=1")
        val command = listOf(java) + flags + listOf("-cp", System.getProperty("java.class.path"))
        val process = ProcessBuilder(command + FullHeap::class.java.name).redirectErrorStream(true).start()
        val output = process.inputStream.bufferedReader().readText()
        assertTrue(process.waitFor(1, TimeUnit.MINUTES))
        assertEquals(0, process.exitValue(), output)
        assertEquals("resumed ${FullHeap.ROUNDS}", output.trim())
    }
}

/** Repeatedly resumes a coroutine with a certain amount of free memory, and counts how often this succeeds. */
object FullHeap {
    const val ROUNDS = 40
    private val arrays = arrayOfNulls<ByteArray>(1 shl 12)
    private var size = 0

    private object Nothing : FrzRuntime<Any> {
        override fun start(skeleton: FrzSkeleton, weights: FrzFile, load: FrzLoad) = Any()

        override fun free(network: Any) = Unit
    }

    @JvmStatic
    fun main(arguments: Array<String>) {
        val failure = IOException("a failure")
        val network = Any()
        var resumed = 0
        for (round in -2 until ROUNDS) { // The first two rounds have enough memory, and load all classes.
            lateinit var callback: FrzCallback<Any>
            var isResumed = false
            CoroutineScope(Dispatchers.Unconfined).launch(start = CoroutineStart.UNDISPATCHED) {
                try {
                    suspendCancellableCoroutine<Any> { callback = Resuming(it, Nothing) }
                } catch (_: IOException) {
                    // The load has failed.
                }
                isResumed = true
            }
            if (round >= 0) fill(round)
            try {
                if (round % 2 == 0) callback.onFailed(failure) else callback.onLoaded(network)
            } catch (_: OutOfMemoryError) {
                // Then the coroutine waits forever.
            }
            arrays.fill(null)
            if (round >= 0 && isResumed) resumed++
        }
        println("resumed $resumed")
    }

    /** Fills the heap, and then frees [free] small arrays. */
    private fun fill(free: Int) {
        size = 0
        fillWith(1 shl 14)
        arrays[--size] = null
        fillWith(1 shl 4)
        repeat(free) { arrays[--size] = null }
    }

    private fun fillWith(bytes: Int) {
        try {
            while (true) arrays[size++] = ByteArray(bytes)
        } catch (_: OutOfMemoryError) {
            size--
        }
    }
}
