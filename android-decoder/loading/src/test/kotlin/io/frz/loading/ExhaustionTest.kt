package io.frz.loading

import io.frz.FrzException
import io.frz.loading.Fake.Companion.loader
import io.frz.loading.Fake.Companion.part
import java.io.File
import java.io.IOException
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Tests loads that exhaust the heap. */
class ExhaustionTest {
    @Test
    fun `on a nearly full heap, every load reports what has happened`() {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val command = listOf(java, "-XX:+UseSerialGC", "-Xmx24m", "-XX:TieredStopAtLevel=1", "-cp") +
            System.getProperty("java.class.path") + NearlyFullHeap::class.java.name
        val process = ProcessBuilder(command).redirectErrorStream(true).start()
        val output = process.inputStream.bufferedReader().readText()
        assertTrue(process.waitFor(1, TimeUnit.MINUTES))
        assertEquals(0, process.exitValue(), output)
        val counts = Regex("(\\w+)=(\\d+)").findAll(output).associate { it.groupValues[1] to it.groupValues[2].toInt() }
        assertTrue(counts.keys.containsAll(listOf("BUDGET", "loaded")), output)
        // The system throws an OutOfMemoryError if there is too little memory to begin.
        assertEquals(emptySet<String>(), counts.keys - setOf("BUDGET", "loaded", "OutOfMemoryError"), output)
    }
}

/** Repeatedly loads a network on a nearly full heap and counts the outcomes. */
object NearlyFullHeap : FrzCallback<Net> {
    private const val ROUNDS = 300
    private const val BLOCK = 1 shl 10
    private val options = FrzLoadOptions.builder().background(Runnable::run).callbacks(Runnable::run).build()
    private val hog = arrayOfNulls<ByteArray>(1 shl 16)
    private var told: Any? = null

    override fun onLoaded(network: Net) {
        told = network
    }

    override fun onFailed(cause: IOException) {
        told = cause
    }

    @JvmStatic
    fun main(arguments: Array<String>) {
        // A virtual machine prepares code when it runs first, and cannot do so on a full heap.
        loader(part("tiny.frz"), part("tiny.frz")).loadAsync(this, options)
        check(told is FrzLoadException)
        val loader = loader(part("tiny.ptl"), part("tiny.frz"))
        val outcomes = (0 until ROUNDS).map { outcome(loader, it) }
        check(outcome(loader, hog.size) == "loaded")
        println(outcomes.groupingBy { it }.eachCount())
    }

    /** Returns the outcome of a load on a heap with about [free] free blocks. */
    private fun outcome(loader: FrzLoader<Net>, free: Int): String {
        told = null
        fill()
        var left = free
        var at = hog.size
        while (left > 0 && --at >= 0) {
            if (hog[at] == null) continue
            hog[at] = null
            left--
        }
        var thrown: Throwable? = null
        try {
            loader.loadAsync(this, options)
        } catch (@Suppress("TooGenericExceptionCaught") e: Throwable) {
            thrown = e
        }
        hog.fill(null)
        return when (val end = told ?: thrown) {
            is Net -> "loaded"
            is FrzException -> end.code.name
            else -> "${end?.javaClass?.simpleName}"
        }
    }

    private fun fill() {
        var at = 0
        for (size in listOf(BLOCK shl 6, BLOCK)) {
            try {
                while (at < hog.size) hog[at++] = ByteArray(size)
            } catch (_: OutOfMemoryError) {
                at-- // The block after the last is free.
            }
        }
    }
}
