package io.frz.benchmark

import com.google.gson.Gson
import io.frz.benchmark.internal.Clock
import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.atomic.AtomicBoolean
import java.util.zip.CRC32

/** A runtime whose "models" are text files with a time in ms and a factor by which the input is multiplied. */
class FakeRuntime(override val name: String, private val extra: Float = 1f) : BenchmarkRuntime {
    override val version = "1"
    override val extension = "txt"
    var open = 0

    var closedWhileRunning = 0

    /** Called whenever a network is loaded; can throw an exception. */
    var loaded: () -> Unit = {}

    /** Called whenever a network runs; can throw an exception. */
    var ran: () -> Unit = {}

    /** Called whenever a network has been closed; can throw an exception. */
    var closed: () -> Unit = {}

    /** Called whenever a network runs, with the ns that it takes. */
    var spend: (Long) -> Unit = ::busy

    override fun loadComplete(model: File): BenchmarkNetwork = network(model)

    override fun load(skeleton: File, weights: File): BenchmarkNetwork = network(skeleton)

    private fun network(model: File): BenchmarkNetwork {
        val (millis, factor) = model.readText().trim().split(" ")
        loaded()
        if (millis == "broken") throw IOException("this model is broken\nand more")
        open++
        return object : BenchmarkNetwork {
            private val running = AtomicBoolean()

            override fun run(input: Values): Values {
                ran()
                running.set(true)
                spend((millis.toDouble() * 1e6).toLong())
                running.set(false)
                return Values(
                    input.shape,
                    FloatArray(input.elements.size) {
                        input.elements[it] * factor.toFloat() *
                            extra
                    }
                )
            }

            override fun close() {
                open--
                if (running.get()) closedWhileRunning++
                closed()
            }
        }
    }
}

/** Keeps the processor busy for [nanos] ns. */
fun busy(nanos: Long) {
    val end = System.nanoTime() + nanos
    while (System.nanoTime() < end) Thread.yield()
}

/** A clock that advances only while threads wait for it. Each thread has its own time, which starts at its parent's. */
internal class FakeClock : Clock {
    private val time = object : InheritableThreadLocal<Long>() {
        override fun initialValue() = 0L
    }

    override fun nanos(): Long = time.get()

    override fun sleep(nanos: Long) = time.set(time.get() + maxOf(0, nanos))
}

/** A device with fixed facts, whose peak memory is unknown. */
class FakeDevice : Device {
    /** The statuses that the device reports, one after the other; then it is cool. */
    val statuses = ArrayDeque<ThermalStatus>()

    override val facts = mapOf<String, Any>("os" to "Test", "cores" to 2)

    override fun temperature() = 31.5

    override fun thermalStatus() = statuses.removeFirstOrNull() ?: ThermalStatus.NONE

    override fun thermalHeadroom() = 0.4

    override fun resident(): Long? = null

    override fun peak(): Long? = null

    override fun forgetPeak() = false
}

/** Writes an assets folder with fake models, which assign two inputs to two classes. */
class AssetsFolder(private val folder: File) {
    private val networks = ArrayList<Map<String, Any>>()

    /** Members that the next networks have in addition to, or instead of, their usual ones. */
    var more: Map<String, Any> = emptyMap()

    fun tensor(name: String, shape: List<Int>, values: FloatArray): Map<String, Any> {
        val bytes = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
        bytes.asFloatBuffer().put(values)
        File(folder, name).writeBytes(bytes.array())
        val crc32 = "%08x".format(CRC32().apply { update(bytes.array()) }.value)
        return mapOf("file" to name, "shape" to shape, "crc32" to crc32)
    }

    /** Adds a network whose variants take the given times and multiply their input by the given factors. */
    fun network(
        name: String,
        dense: String,
        compressed: String,
        right: FloatArray = floatArrayOf(1f, 0f)
    ): AssetsFolder {
        val inputs = floatArrayOf(1f, 2f, 4f, 3f)
        File(folder, "$name.dense.txt").writeText(dense)
        File(folder, "$name.small.txt").writeText(compressed)
        File(folder, "$name.frz").writeText("w")
        val outputs = tensor("$name.out", listOf(2, 2), inputs)
        val small = compressed.split(" ")[1].toFloatOrNull() ?: 1f
        val smaller = tensor("$name.small.out", listOf(2, 2), FloatArray(4) { inputs[it] * small })
        networks.add(
            mapOf(
                "name" to name, "title" to "Net $name", "task" to "classification", "metric" to "accuracy",
                "scored" to "factored", "short" to (name == "a"),
                "inputs" to tensor("$name.in", listOf(2, 2), inputs),
                "targets" to tensor("$name.target", listOf(2), right),
                "variants" to listOf(
                    mapOf(
                        "name" to "dense",
                        "tolerance" to 1e-4,
                        "outputs" to outputs,
                        "models" to mapOf("txt" to "$name.dense.txt")
                    ),
                    mapOf(
                        "name" to "factored",
                        "tolerance" to 1e-4,
                        "outputs" to smaller,
                        "weights" to "$name.frz",
                        "models" to mapOf("txt" to "$name.small.txt")
                    )
                )
            ) + more
        )
        return this
    }

    fun write(vararg more: Pair<String, Any>): Manifest {
        val document = mapOf("format" to "frz-suite-assets", "version" to 1, "networks" to networks) + more
        File(folder, Manifest.FILE).writeText(Gson().toJson(document))
        return Manifest.read(folder)
    }
}
