package io.frz.host

import java.io.IOException
import kotlin.system.exitProcess
import picocli.CommandLine
import picocli.CommandLine.Command
import picocli.CommandLine.HelpCommand
import picocli.CommandLine.IVersionProvider

/** The command and its subcommands. */
@Command(
    name = "frz-host",
    description = ["Runs models as a phone does: decoder, org.pytorch, and the lite interpreter of PyTorch Mobile."],
    subcommands = [Report::class, Bench::class, Stress::class, HelpCommand::class],
    mixinStandardHelpOptions = true,
    versionProvider = Version::class,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = ["0: done", "1: a check failed", "2: wrong usage, or a model that cannot be loaded"]
)
internal class FrzHost

/** The version in the jar's manifest. */
internal class Version : IVersionProvider {
    override fun getVersion() = arrayOf("frz-host $NUMBER")

    companion object {
        val NUMBER: String = FrzHost::class.java.`package`.implementationVersion ?: "(development)"
    }
}

/** The command line, which reports failures in one line. */
internal fun commandLine(): CommandLine = CommandLine(FrzHost())
    .setCaseInsensitiveEnumValuesAllowed(true)
    .setExecutionExceptionHandler { failure, command, _ ->
        if (failure !is Failure && failure !is IOException) throw failure
        command.err.println("frz-host: ${failure.message}")
        command.err.flush()
        CommandLine.ExitCode.USAGE
    }

/**
 * Runs the command `frz-host` and exits with its exit code. The explicit exit is needed because a thread of PyTorch
 * Mobile would otherwise keep the process alive.
 */
public fun main(args: Array<String>): Unit = exitProcess(commandLine().execute(*args))
