package io.frz.cli

import com.google.gson.JsonObject
import com.sun.management.ThreadMXBean
import io.frz.cli.shell.NotNegative
import io.frz.cli.shell.Positive
import io.frz.cli.shell.Printing
import io.frz.cli.shell.on
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Locale
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Option

@Command(
    name = "bench",
    description = [
        "Compare the time to rebuild all weights with the time to allocate and fill buffers of the same sizes.",
        "The two are measured in turn after a warm-up; the results are medians."
    ]
)
internal class Bench : Runnable {
    @Mixin
    private lateinit var input: Input

    @Option(
        names = ["--runs"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Number of measured runs (default: 15)."]
    )
    private var runs = 15

    @Option(
        names = ["--warm-up"],
        paramLabel = "N",
        converter = [NotNegative::class],
        description = ["Number of warm-up runs (default: 50)."]
    )
    private var warmUp = 50

    @Mixin
    private lateinit var printing: Printing

    @Volatile
    private var result: Any? = null

    override fun run() {
        on(input.file) {
            val bytes = input.file.readBytes()
            val sizes = input.open(bytes) { frz ->
                frz.loadAll() // Fails if a tensor is too large for a buffer.
                frz.tensors.map { it.bytes.toInt() }
            }
            val fills = DoubleArray(runs)
            val loads = DoubleArray(runs)
            for (run in -warmUp until runs) {
                val fill = milliseconds { allocateAndFill(sizes) }
                val load = milliseconds { decode(bytes) }
                if (run >= 0) {
                    fills[run] = fill
                    loads[run] = load
                }
            }
            report(sizes.sumOf { it.toLong() }, median(fills), median(loads), heapOf { decode(bytes) })
        }
    }

    private fun decode(bytes: ByteArray): Any = input.open(bytes) { it.loadAll() }

    private fun allocateAndFill(sizes: List<Int>): Any = sizes.map { size ->
        val buffer = ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder())
        while (buffer.hasRemaining()) buffer.put(FILLING, 0, minOf(FILLING.size, buffer.remaining()))
        buffer
    }

    /** Returns the time that [work] takes. Its result is released before the next measurement to free memory. */
    @Suppress("ExplicitGarbageCollectionCall")
    private fun milliseconds(work: () -> Any): Double {
        result = null
        System.gc()
        val start = System.nanoTime()
        result = work()
        return (System.nanoTime() - start) / 1e6
    }

    /** Returns the heap memory that [work] allocates in this thread: an upper bound on its peak heap use. */
    private fun heapOf(work: () -> Any): Long {
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        val thread = Thread.currentThread().id
        result = null
        val before = threads.getThreadAllocatedBytes(thread)
        result = work()
        return threads.getThreadAllocatedBytes(thread) - before
    }

    private fun report(bytes: Long, fill: Double, load: Double, heap: Long) {
        val out = printing.out
        if (printing.json) {
            val figures = mapOf("fill_ms" to fill, "rebuild_ms" to load, "ratio" to load / fill)
            val report = JsonObject()
            report.addProperty("bytes", bytes)
            figures.forEach { (name, value) -> report.addProperty(name, value) }
            report.addProperty("heap_bytes", heap)
            return out.println(report)
        }
        out.println(line("weights", bytes / 1e6, "MB"))
        out.println(line("allocate and fill", fill, "ms"))
        out.println(line("open and rebuild", load, "ms"))
        out.println(line("ratio", load / fill, ""))
        out.println(line("heap allocated", heap / 1e6, "MB in total, an upper bound on the peak"))
    }

    private fun line(name: String, value: Double, unit: String) =
        String.format(Locale.ROOT, "%-18s %9.2f %s", name, value, unit).trimEnd()

    private fun median(values: DoubleArray): Double = values.sorted()[values.size / 2]

    private companion object {
        val FILLING = ByteArray(1 shl 13) { it.toByte() }
    }
}
