package io.frz.testing

import java.io.File
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue

/**
 * Runs the `main` method of a class in a new process whose heap has at most [megabytes], and returns what it prints.
 * The test fails if the process fails or takes more than a minute.
 */
internal fun runOnSmallHeap(main: Class<*>, megabytes: Int, vararg arguments: String, flags: List<String>): String {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val command = listOf(java, "-XX:+UseSerialGC", "-Xmx${megabytes}m", "-XX:TieredStopAtLevel=1") + flags + "-cp" +
        System.getProperty("java.class.path") + main.name + arguments
    val process = ProcessBuilder(command).redirectErrorStream(true).start()
    val output = process.inputStream.bufferedReader().readText()
    assertTrue(process.waitFor(1, TimeUnit.MINUTES))
    assertEquals(0, process.exitValue(), output)
    return output
}

/** Lets every object take memory from the heap itself, so that none fits into a thread's own reserve. */
internal val NO_RESERVES = listOf("-XX:-UseTLAB")

/** Arrays that fill the heap: ones of [large] bytes, then ones of [small] bytes in the place of the last large one. */
internal class Hog(large: Int, small: Int) {
    private val arrays = arrayOfNulls<ByteArray>(1 shl 12)
    private var size = 0

    init {
        fill(large)
        free(1)
        fill(small)
    }

    private fun fill(bytes: Int) {
        try {
            while (true) arrays[size++] = ByteArray(bytes)
        } catch (_: OutOfMemoryError) {
            size--
        }
    }

    /** Frees the last [count] arrays. */
    fun free(count: Int) = repeat(count) { arrays[--size] = null }

    /** Frees all arrays. A function of the library would be loaded now, which takes memory. */
    fun clear() {
        for (i in arrays.indices) arrays[i] = null
    }
}
