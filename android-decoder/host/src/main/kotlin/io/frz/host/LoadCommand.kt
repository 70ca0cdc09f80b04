package io.frz.host

import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession.SessionOptions
import com.google.gson.JsonObject
import com.sun.management.OperatingSystemMXBean
import io.frz.cli.shell.Failure
import io.frz.loading.FrzPart
import io.frz.onnxruntime.FrzSession
import java.io.File
import java.lang.management.ManagementFactory
import java.lang.management.MemoryType
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.concurrent.Callable
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

/** The files of a network, and how ONNX Runtime loads them. */
internal class Shipped {
    @Parameters(index = "0", paramLabel = "SKELETON", description = ["The network without its weights, an .onnx file."])
    lateinit var skeleton: File

    @Parameters(index = "1", paramLabel = "WEIGHTS", description = ["Its weights, an .frz file."])
    lateinit var weights: File

    @Parameters(index = "2", paramLabel = "COMPLETE", description = ["The network and its weights, an .onnx file."])
    lateinit var complete: File

    @Option(
        names = ["--without"],
        paramLabel = "NAME",
        description = ["Disable this optimization of ONNX Runtime, for example NchwcTransformer, which is for x86-64."]
    )
    var without: String? = null

    /** Sets session options: one thread, so that processor times can be compared, and the disabled optimization. */
    fun configure(options: SessionOptions) {
        options.setIntraOpNumThreads(1)
        without?.let { options.addConfigEntry("optimization.disable_specified_optimizers", it) }
    }
}

/**
 * A way in which an app passes a network from its assets to ONNX Runtime.
 *
 * @property label the description in the table
 */
internal enum class Delivery(val label: String) {
    /** As `FrzSession.loader` does with assets: it reads the skeleton from a stream and maps the weights. */
    FRZ("skeleton and .frz file") {
        override fun load(files: Shipped): AutoCloseable = FileChannel.open(files.weights.toPath()).use { channel ->
            val skeleton = FrzPart.of(files.skeleton.inputStream())
            naming(files.weights, null) {
                FrzSession.loaderOf(skeleton, FrzPart.of(channel, 0, channel.size()), files::configure).load()
            }
        }
    },

    /** As in ONNX Runtime's examples: `createSession(assets.open(name).readBytes())`. */
    BYTES("complete, readBytes") {
        override fun load(files: Shipped): AutoCloseable {
            val bytes = files.complete.inputStream().use { it.readBytes() }
            return session(files) { environment, options -> environment.createSession(bytes, options) }
        }
    },

    /** Read into a direct buffer. */
    BUFFER("complete, direct buffer") {
        override fun load(files: Shipped): AutoCloseable = FileChannel.open(files.complete.toPath()).use { channel ->
            val buffer = ByteBuffer.allocateDirect(Math.toIntExact(channel.size()))
            do {
                val count = channel.read(buffer)
            } while (count > 0)
            buffer.flip()
            session(files) { environment, options -> environment.createSession(buffer, options) }
        }
    },

    /** An asset that is stored uncompressed, mapped into memory. */
    MAPPED("complete, mapped") {
        override fun load(files: Shipped): AutoCloseable = FileChannel.open(files.complete.toPath()).use { channel ->
            val buffer = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size())
            session(files) { environment, options -> environment.createSession(buffer, options) }
        }
    },

    /** A file that was copied from the assets at an earlier start. */
    FILE("complete, copied to a file before") {
        override fun load(files: Shipped): AutoCloseable =
            session(files) { environment, options -> environment.createSession(files.complete.path, options) }
    };

    /** Creates a session. */
    abstract fun load(files: Shipped): AutoCloseable

    protected fun session(files: Shipped, create: (OrtEnvironment, SessionOptions) -> AutoCloseable): AutoCloseable =
        SessionOptions().use { options ->
            files.configure(options)
            create(OrtEnvironment.getEnvironment(), options)
        }
}

@Command(
    name = "load",
    hidden = true,
    description = ["Create ten sessions, and print, as JSON, the time and memory for the first and the tenth."]
)
internal class LoadCommand : Callable<Int> {
    @Mixin
    private lateinit var files: Shipped

    @Option(names = ["--from"], required = true)
    private lateinit var delivery: Delivery

    @Spec
    private lateinit var spec: CommandSpec

    override fun call(): Int {
        OrtEnvironment.getEnvironment() // loads the native libraries
        val result = JsonObject()
        try {
            measure(result, "first")
            repeat(SESSIONS - 2) { delivery.load(files).close() }
            measure(result, "tenth")
        } catch (e: OutOfMemoryError) {
            throw Failure("out of memory: ${e.message}", e)
        } catch (e: OrtException) {
            throw Failure("ONNX Runtime cannot load ${files.complete}: ${e.message}", e)
        }
        spec.commandLine().out.println(result)
        return 0
    }

    private fun measure(result: JsonObject, prefix: String) {
        Memory.collect()
        val pools = ManagementFactory.getMemoryPoolMXBeans().filter { it.type == MemoryType.HEAP }
        pools.forEach { it.resetPeakUsage() }
        Memory.forgetPeak()
        val heap = pools.sumOf { it.usage.used }
        val resident = Memory.resident()
        val processor = SYSTEM.processCpuTime
        val start = System.nanoTime()
        delivery.load(files).use {
            result.addProperty("${prefix}_ms", (System.nanoTime() - start) / 1e6)
            result.addProperty("${prefix}_processor_ms", (SYSTEM.processCpuTime - processor) / 1e6)
            result.addProperty("${prefix}_heap_bytes", pools.sumOf { it.peakUsage.used } - heap)
            result.addProperty("${prefix}_peak_bytes", maxOf(0, Memory.peak() - resident)) // counters lag by pages
        }
    }

    private companion object {
        const val SESSIONS = 10
        val SYSTEM = ManagementFactory.getOperatingSystemMXBean() as OperatingSystemMXBean
    }
}
