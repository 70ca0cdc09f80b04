package io.frz.cli.shell

import java.io.FileDescriptor
import java.io.FileOutputStream
import java.io.IOException
import java.io.OutputStream
import java.io.PrintStream
import picocli.CommandLine
import picocli.CommandLine.Command

/** A command with subcommands, standard options and standard exit codes. It reports each failure in one line. */
@Command(
    mixinStandardHelpOptions = true,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = ["0: success", "1: a check failed", "2: incorrect usage, or a file that cannot be used"]
)
public abstract class Shell {
    /** The version, which is stored in the manifest of the command's jar. */
    public val version: String get() = javaClass.`package`.implementationVersion ?: "(development)"

    /** Returns the command line, ready to execute. */
    public fun commandLine(): CommandLine {
        val line = CommandLine(this).setCaseInsensitiveEnumValuesAllowed(true)
        val subcommands = line.subcommands.values.map { it.commandSpec }.filterNot { it.helpCommand() }
        for (command in subcommands) command.mixinStandardHelpOptions(true)
        for (command in subcommands + line.commandSpec) command.version("${line.commandName} $version")
        return line.setExecutionExceptionHandler { failure, command, _ ->
            if (failure !is Failure && failure !is IOException) throw failure
            command.err.println("${line.commandName}: ${failure.message}")
            command.err.flush()
            CommandLine.ExitCode.USAGE
        }
    }

    /**
     * Executes the command with these [args], and returns its exit code. It fails if its output cannot be written to
     * [target], which printing does not report. If a pipe has been closed, as by `head`, it ends like other programs.
     */
    public fun execute(args: Array<String>, target: OutputStream = FileOutputStream(FileDescriptor.out)): Int {
        val output = Output(target)
        System.setOut(PrintStream(output, true))
        val line = commandLine()
        val code = line.execute(*args)
        val failure = output.failure ?: return code
        if ("Broken pipe" in failure.message.orEmpty()) return CLOSED_PIPE
        System.err.println("${line.commandName}: the output cannot be written: ${failure.message}")
        return CommandLine.ExitCode.USAGE
    }

    /** Writes to [target], and keeps the first [failure]. */
    private class Output(private val target: OutputStream) : OutputStream() {
        var failure: IOException? = null
            private set

        override fun write(byte: Int) = write(byteArrayOf(byte.toByte()), 0, 1)

        override fun write(bytes: ByteArray, from: Int, count: Int) = try {
            target.write(bytes, from, count)
        } catch (e: IOException) {
            if (failure == null) failure = e
            throw e
        }
    }

    private companion object {
        /** The exit code of a program that ended because its output was closed: 128 and the number of SIGPIPE. */
        const val CLOSED_PIPE = 141
    }
}
