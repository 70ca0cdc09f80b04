package io.frz.benchmark.internal

import io.frz.benchmark.Device
import io.frz.benchmark.Footprint

/** Measures the memory that the work takes which follows its creation, in this process. */
internal class Scale(private val device: Device) {
    private val isReset: Boolean
    private val resident: Long?
    private val heap: Long
    private var largest = 0L

    init {
        collect()
        isReset = device.forgetPeak()
        resident = device.resident()
        heap = used()
    }

    /** Call this when a network is loaded, before it runs for the first time. */
    fun loaded() {
        largest = used()
    }

    /** Returns the memory that the work took. */
    fun read(): Footprint {
        val peak = if (isReset) device.peak() else null
        val native = if (peak == null || resident == null) null else maxOf(0L, peak - resident)
        return Footprint(native, maxOf(0L, maxOf(largest, used()) - heap))
    }

    private fun used() = Runtime.getRuntime().run { totalMemory() - freeMemory() }

    @Suppress("ExplicitGarbageCollectionCall")
    private fun collect() = repeat(2) {
        System.gc()
        Thread.sleep(PAUSE_MILLIS)
    }

    private companion object {
        const val PAUSE_MILLIS = 50L
    }
}
