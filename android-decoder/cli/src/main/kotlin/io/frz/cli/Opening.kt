package io.frz.cli

import io.frz.ErrorCode
import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.cli.shell.Failure
import io.frz.cli.shell.on
import java.io.File
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.ParameterException
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

/** The command-line options that determine how files are opened. */
internal open class Opening {
    @Option(names = ["--tier"], paramLabel = "N", description = ["Use tiers 0 to N only (default: all present tiers)."])
    private var tier: Int? = null

    @Option(names = ["--threads"], paramLabel = "N", description = ["Rebuild tensors on N threads (default: 1)."])
    private var threads: Int = 1

    @Option(
        names = ["--memory-budget"],
        paramLabel = "BYTES",
        description = ["Maximum memory to use for tensors (default: the maximum heap size)."]
    )
    private var memoryBudget: Long? = null

    @Option(names = ["--base"], paramLabel = "OLD.frz", description = ["The file that a delta file was made from."])
    private var base: File? = null

    @Spec(Spec.Target.MIXEE)
    private lateinit var spec: CommandSpec

    val options: FrzOptions by lazy {
        try {
            val builder = FrzOptions.builder().threads(threads)
            tier?.let { builder.tier(it) }
            memoryBudget?.let { builder.memoryBudget(it) }
            builder.build()
        } catch (e: IllegalArgumentException) {
            throw ParameterException(spec.commandLine(), e.message, e)
        }
    }

    /** The base, if there is one, as a list. */
    protected val bases: List<File> get() = listOfNotNull(base)

    /** Opens [file] and passes it to [work]. Error messages start with the name of the file. */
    fun <T> open(file: File, work: (FrzFile) -> T): T = on(file) { opened({ FrzFile.open(file, options, it) }, work) }

    /** Calls [open] with the base, and passes the file that it returns to [work]. */
    protected fun <T> opened(open: (base: FrzFile?) -> FrzFile, work: (FrzFile) -> T): T =
        base.let { if (it == null) open(null).use(work) else opened(it, options, open, work) }
}

/** The file that a command reads, and the options that determine how it is opened. */
internal class Input : Opening() {
    @Parameters(paramLabel = "FILE", description = ["The .frz file."])
    lateinit var file: File
        private set

    /** Opens the file and passes it to [work]. Error messages start with the name of the file. */
    fun <T> open(work: (FrzFile) -> T): T = open(file, work)

    /** Opens [bytes], the content of the file, and passes it to [work]. */
    fun <T> open(bytes: ByteArray, work: (FrzFile) -> T): T = opened({ FrzFile.open(bytes, options, it) }, work)

    /** The file and its base. */
    val sources: List<File> get() = bases + file
}

/**
 * Opens the base [older], calls [open] with it, and passes the file that it returns to [work]. Only a delta file needs
 * the base. For a delta file, throws `BASE` if the base is invalid, and a [Failure] if the base cannot be read.
 */
internal fun <T> opened(older: File, options: FrzOptions, open: (base: FrzFile?) -> FrzFile, work: (FrzFile) -> T): T {
    val base = try {
        on(older) { FrzFile.open(older, FrzOptions.builder().memoryBudget(options.memoryBudget).build()) }
    } catch (e: Failure) {
        return open(null).use {
            if (it.isDelta) throw if (e.cause is FrzException) unusable(e) else e
            work(it)
        }
    }
    return base.use { open(it).use(work) }
}

private fun unusable(e: Failure) = FrzException(ErrorCode.BASE, "the base cannot be used: ${e.message}", cause = e)
