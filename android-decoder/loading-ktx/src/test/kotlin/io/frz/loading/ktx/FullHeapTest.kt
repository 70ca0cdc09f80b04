package io.frz.loading.ktx

import io.frz.FrzFile
import io.frz.loading.FrzCallback
import io.frz.loading.FrzLoad
import io.frz.loading.FrzRuntime
import io.frz.loading.FrzSkeleton
import io.frz.testing.Hog
import io.frz.testing.NO_RESERVES
import io.frz.testing.runOnSmallHeap
import java.io.IOException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/** Tests resuming coroutines on a full heap. */
class FullHeapTest {
    @Test
    fun `every coroutine is resumed, however little memory is left`() {
        val output = runOnSmallHeap(FullHeap::class.java, 16, flags = NO_RESERVES)
        assertEquals("resumed ${FullHeap.ROUNDS}", output.trim())
    }
}

/** Repeatedly resumes a coroutine with a certain amount of free memory, and counts how often this succeeds. */
object FullHeap {
    const val ROUNDS = 40

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
            val hog = Hog(1 shl 14, 1 shl 4)
            if (round < 0) hog.clear() else hog.free(round)
            try {
                if (round % 2 == 0) callback.onFailed(failure) else callback.onLoaded(network)
            } catch (_: OutOfMemoryError) {
                // Then the coroutine waits forever.
            }
            hog.clear()
            if (round >= 0 && isResumed) resumed++
        }
        println("resumed $resumed")
    }
}
