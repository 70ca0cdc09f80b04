package io.frz.host

import java.io.File

/** The resident memory of this process, in bytes, as reported by Linux. */
internal object Memory {
    /** Returns the current size. */
    fun resident(): Long = status("VmRSS")

    /** Returns the peak size since the process started, or since [forgetPeak]. */
    fun peak(): Long = status("VmHWM")

    /** Resets the peak to the current size. */
    fun forgetPeak(): Unit = File("/proc/self/clear_refs").writeText("5")

    /** Collects garbage, including unreachable direct buffers. */
    @Suppress("ExplicitGarbageCollectionCall")
    fun collect() {
        repeat(2) {
            System.gc()
            Thread.sleep(PAUSE_MILLIS)
        }
    }

    private fun status(field: String): Long =
        File("/proc/self/status").readLines().first { it.startsWith("$field:") }.filter { it.isDigit() }.toLong() * KIB

    private const val KIB = 1024
    private const val PAUSE_MILLIS = 50L
}
