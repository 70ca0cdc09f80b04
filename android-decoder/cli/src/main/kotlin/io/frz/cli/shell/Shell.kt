package io.frz.cli.shell

import java.io.IOException
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
        line.setExecutionStrategy(::run)
        return line.setExecutionExceptionHandler { failure, command, _ ->
            if (failure !is Failure && failure !is IOException) throw failure
            command.err.println("${line.commandName}: ${failure.message}")
            command.err.flush()
            CommandLine.ExitCode.USAGE
        }
    }

    /** Runs a command, and checks that its output has been written: printing does not report errors. */
    private fun run(parsed: CommandLine.ParseResult): Int {
        val code = CommandLine.RunLast().execute(parsed)
        val lines = parsed.asCommandLineList()
        if (lines.none { it.out.checkError() } && !System.out.checkError()) return code
        throw CommandLine.ExecutionException(lines[0], "", Failure("the output cannot be written"))
    }
}
