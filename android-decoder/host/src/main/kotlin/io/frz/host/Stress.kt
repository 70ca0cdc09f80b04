package io.frz.host

import com.google.gson.JsonArray
import com.google.gson.JsonObject
import io.frz.cli.shell.Positive
import java.nio.ByteBuffer
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Spec

@Command(
    name = "stress",
    description = [
        "Load, run and close a model repeatedly, with garbage collections in between, then in parallel threads.",
        "The outputs must be the same bit for bit, and memory must not grow by more than five percent in the last",
        "40 percent of the cycles. Before that, caches and arenas fill, which are not freed."
    ]
)
internal class Stress : Callable<Int> {
    @Mixin
    private lateinit var opening: Opening

    @Mixin
    private lateinit var input: Example

    @Option(
        names = ["--cycles"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Number of loads, one at a time (default: 1000)."]
    )
    private var cycles = 1000

    @Option(
        names = ["--at-once"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Number of parallel threads (default: 8)."]
    )
    private var atOnce = 8

    @Spec
    private lateinit var spec: CommandSpec

    override fun call(): Int {
        requireFiles(opening.sources)
        val example = input.inputs
        val expected = cycle(example)
        var different = 0
        val tenth = maxOf(1, cycles / 10)
        val residents = JsonArray()
        for (done in 1..cycles) {
            if (!cycle(example, done % COLLECTED == 0).contentEquals(expected)) different++
            if (done % tenth == 0) residents.add(settled())
        }
        val before = residents[residents.size() / 2].asDouble
        val growth = residents.last().asLong / before - 1
        different += concurrently(example, expected)

        val result = JsonObject()
        result.addProperty("cycles", cycles)
        result.addProperty("threads", atOnce)
        result.addProperty("different_outputs", different)
        result.add("resident", residents)
        result.addProperty("growth", growth)
        spec.commandLine().out.println(result)
        return if (different == 0 && growth <= ALLOWED) 0 else 1
    }

    private fun settled(): Long {
        Memory.collect()
        return Memory.resident()
    }

    @Suppress("ExplicitGarbageCollectionCall")
    private fun cycle(example: List<Input>, collect: Boolean = false): FloatArray = opening.load().use { model ->
        if (collect) {
            System.gc()
            ByteBuffer.allocateDirect(SCRAP) // Overwrites memory that has been freed by mistake.
        }
        model.forward(example).getValue(Model.OUTPUT).values
    }

    private fun concurrently(example: List<Input>, expected: FloatArray): Int {
        val pool = Executors.newFixedThreadPool(atOnce)
        try {
            val loads = List(atOnce * 4) { Callable { cycle(example, it % 2 == 0).contentEquals(expected) } }
            return pool.invokeAll(loads).count { !it.get() }
        } finally {
            pool.shutdownNow()
        }
    }

    private companion object {
        const val COLLECTED = 10
        const val SCRAP = 1 shl 20
        const val ALLOWED = 0.05
    }
}
