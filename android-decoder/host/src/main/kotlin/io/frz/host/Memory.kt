package io.frz.host

import io.frz.benchmark.LinuxDevice

/** The resident memory of this process, in bytes, as reported by Linux. */
internal object Memory {
    private val device = LinuxDevice(hostFacts())

    /** Returns the current size. */
    fun resident(): Long = checkNotNull(device.resident()) { MISSING }

    /** Returns the peak size since the process started, or since [forgetPeak]. */
    fun peak(): Long = checkNotNull(device.peak()) { MISSING }

    /** Resets the peak to the current size. */
    fun forgetPeak(): Unit = check(device.forgetPeak()) { MISSING }

    /** Collects garbage, including unreachable direct buffers. */
    @Suppress("ExplicitGarbageCollectionCall")
    fun collect() {
        repeat(2) {
            System.gc()
            Thread.sleep(PAUSE_MILLIS)
        }
    }

    private const val MISSING = "this system does not report the memory of a process in /proc/self"
    private const val PAUSE_MILLIS = 50L
}

/** Returns the facts about this machine that reports include. */
internal fun hostFacts(): Map<String, Any> = linkedMapOf(
    "manufacturer" to "JVM ${System.getProperty("java.version")}",
    "os" to System.getProperty("os.name"),
    "os_version" to System.getProperty("os.version"),
    "abi" to "x86_64",
    "cores" to Runtime.getRuntime().availableProcessors()
)
