package io.frz.template

import io.frz.loading.FrzPart
import java.io.File
import java.lang.management.BufferPoolMXBean
import java.lang.management.ManagementFactory
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that filled templates leave no direct or mapped memory behind. */
class LeakTest : OnSynthetic() {
    private val pools = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean::class.java)

    /** Returns the size in bytes of the direct and mapped buffers in use, once it is [most], or after a few seconds. */
    @Suppress("ExplicitGarbageCollectionCall")
    private fun used(most: Long): Long {
        var used = 0L
        repeat(ATTEMPTS) {
            System.gc()
            Thread.sleep(PAUSE_MILLIS) // Another thread frees the buffers that the collector has found.
            used = pools.sumOf { it.memoryUsed }
            if (used <= most) return used
        }
        return used
    }

    private fun check(loads: Int, load: () -> Unit) {
        load()
        val before = used(0)
        repeat(loads) { load() }
        val most = before + bytes("synthetic.bin").size
        val after = used(most)
        assertTrue(after <= most, "$after bytes after $loads loads, $before before")
    }

    @Test
    fun `templates filled in memory`() = check(LOADS) { fill(template, weights) }

    @Test
    fun `templates filled in files, and found there`(@TempDir folder: File) {
        val loader = FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), folder)
        check(LOADS) { loader.load() }
        check(LOADS / 10) { loader.load().delete() } // writing to the disk takes a while
    }

    private companion object {
        const val LOADS = 1000
        const val ATTEMPTS = 50
        const val PAUSE_MILLIS = 100L
    }
}
