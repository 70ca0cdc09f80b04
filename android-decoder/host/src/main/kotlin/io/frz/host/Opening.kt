package io.frz.host

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.cli.shell.Failure
import io.frz.cli.shell.Positive
import io.frz.loading.FrzLoadOptions
import java.io.File
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.ParameterException
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

/** The model that a command runs, and the engine that runs it. */
internal class Opening {
    @Parameters(
        index = "0",
        paramLabel = "SKELETON",
        description = ["The network without its weights, a .ptl, .pt or .onnx file."]
    )
    lateinit var skeleton: File

    @Parameters(index = "1", paramLabel = "WEIGHTS", description = ["Its weights, an .frz file."])
    lateinit var weights: File

    @Option(
        names = ["--engine"],
        paramLabel = "NAME",
        description = [
            "lite: PyTorch Mobile, as on a phone; djl: LibTorch, for skeletons in .pt files;",
            "ort: ONNX Runtime (default: ort for .onnx files, otherwise lite)."
        ]
    )
    private var engines: Engines? = null

    @Option(
        names = ["--base"],
        paramLabel = "OLD.frz",
        description = ["The file that WEIGHTS was made from, if WEIGHTS is a delta file."]
    )
    private var base: File? = null

    @Option(names = ["--tier"], paramLabel = "N", description = ["Use tiers 0 to N only (default: all present tiers)."])
    var tier: Int? = null

    @Option(names = ["--threads"], paramLabel = "N", description = ["Rebuild tensors on N threads (default: 1)."])
    var threads: Int = 1

    @Option(
        names = ["--runtime-threads"],
        paramLabel = "N",
        converter = [Positive::class],
        description = ["Run the model on N threads (default: chosen by the runtime)."]
    )
    var runtimeThreads: Int? = null

    @Spec(Spec.Target.MIXEE)
    private lateinit var spec: CommandSpec

    val engine: Engine by lazy {
        val chosen = engines ?: if (skeleton.extension == "onnx") Engines.ORT else Engines.LITE
        chosen.create().also { engine -> runtimeThreads?.let { engine.setThreads(it) } }
    }

    /** The files that [load] reads. */
    val sources: List<File> get() = listOfNotNull(skeleton, weights, base)

    /** Loads the model. If the weights or their base are at fault, the error message starts with their file. */
    fun load(skeleton: File = this.skeleton): Model = naming(weights, base) {
        engine.load(skeleton, weights, base, options)
    }

    private val options: FrzLoadOptions by lazy {
        try {
            val builder = FrzLoadOptions.builder().threads(threads)
            tier?.let { builder.tier(it) }
            builder.build()
        } catch (e: IllegalArgumentException) {
            throw ParameterException(spec.commandLine(), e.message, e)
        }
    }
}

/** Throws if one of [files] does not exist. */
internal fun requireFiles(files: List<File>) {
    for (file in files) {
        if (!file.exists()) throw Failure("$file: no such file")
        if (file.isDirectory) throw Failure("$file: it is a folder")
    }
}

/** Runs [work], and names the file that is at fault if [weights] or their [base] cannot be decoded. */
internal inline fun <T> naming(weights: File, base: File?, work: () -> T): T = try {
    work()
} catch (e: FrzException) {
    val file = base?.takeIf { e.code == ErrorCode.BASE } ?: weights
    throw Failure(e.inFile(file.path).message.orEmpty(), e)
}
