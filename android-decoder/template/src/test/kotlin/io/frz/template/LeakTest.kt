package io.frz.template

import io.frz.loading.FrzPart
import java.io.File
import java.lang.management.BufferPoolMXBean
import java.lang.management.ManagementFactory
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** Checks that a thousand filled templates leave no direct or mapped memory behind. */
class LeakTest : OnSynthetic() {
    private val pools = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean::class.java)

    /** Returns the number of bytes of direct and mapped buffers in use, which has to fall to [most] in a few seconds. */
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

    private fun check(load: () -> Unit) {
        load()
        val before = used(0)
        repeat(LOADS) { load() }
        val most = before + bytes("synthetic.bin").size
        val after = used(most)
        assertTrue(after <= most, "$after bytes after $LOADS loads, $before before")
    }

    @Test
    fun `templates filled in memory`() = check { fill(template, weights) }

    @Test
    fun `templates filled in files, and found there`(@TempDir folder: File) {
        val loader = FrzTemplate.fileLoader(FrzPart.of(template), FrzPart.of(weights), folder)
        check { loader.load() }
        check { loader.load().delete() }
    }

    private companion object {
        const val LOADS = 1000
        const val ATTEMPTS = 50
        const val PAUSE_MILLIS = 100L
    }
}
