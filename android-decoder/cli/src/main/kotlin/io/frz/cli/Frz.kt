package io.frz.cli

import kotlin.system.exitProcess
import picocli.CommandLine
import picocli.CommandLine.Command
import picocli.CommandLine.HelpCommand
import picocli.CommandLine.IVersionProvider

/** The command and its subcommands. */
@Command(
    name = "frz",
    description = ["Looks into .frz files, rebuilds their weights, and proves the decoder."],
    subcommands = [
        Dump::class,
        Decode::class,
        Verify::class,
        Bench::class,
        Parity::class,
        Attack::class,
        HelpCommand::class
    ],
    mixinStandardHelpOptions = true,
    versionProvider = Version::class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = ["0: done", "1: a check failed", "2: wrong usage, or a file that cannot be decoded"]
)
internal class Frz

/** The version in the jar's manifest. */
internal class Version : IVersionProvider {
    override fun getVersion() = arrayOf("frz ${Frz::class.java.`package`.implementationVersion ?: "(development)"}")
}

/** The command line, which reports failures in one line. */
internal fun commandLine(): CommandLine = CommandLine(Frz()).setExecutionExceptionHandler { failure, command, _ ->
    if (failure !is Failure) throw failure
    command.err.println("frz: ${failure.message}")
    command.err.flush()
    CommandLine.ExitCode.USAGE
}

/** Runs the command `frz` and exits with its exit code. */
public fun main(args: Array<String>): Unit = exitProcess(commandLine().execute(*args))
