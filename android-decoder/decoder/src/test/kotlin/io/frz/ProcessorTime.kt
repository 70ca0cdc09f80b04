package io.frz

import com.sun.management.OperatingSystemMXBean
import java.lang.management.ManagementFactory
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertTrue

private val system = ManagementFactory.getOperatingSystemMXBean() as OperatingSystemMXBean

/** Checks that [work] takes at most [most] seconds of this process's processor time; other programs do not affect it. */
fun assertProcessorTime(most: Long, work: () -> Unit) {
    val begun = system.processCpuTime
    work()
    val seconds = TimeUnit.NANOSECONDS.toSeconds(system.processCpuTime - begun)
    assertTrue(seconds <= most, "$seconds s of processor time, at most $most expected")
}
