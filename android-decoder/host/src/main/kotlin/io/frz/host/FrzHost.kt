package io.frz.host

import io.frz.cli.shell.Shell
import kotlin.system.exitProcess
import picocli.CommandLine.Command
import picocli.CommandLine.HelpCommand

/** The command `frz-host` and its subcommands. */
@Command(
    name = "frz-host",
    description = ["Run models as a phone does: with the decoder, org.pytorch, and PyTorch Mobile's lite interpreter."],
    subcommands = [
        Report::class,
        Bench::class,
        LoadingCommand::class,
        LoadCommand::class,
        SuiteCommand::class,
        TrialCommand::class,
        Stress::class,
        HelpCommand::class
    ]
)
internal class FrzHost : Shell()

/**
 * Runs the command `frz-host` and exits with its exit code. The explicit exit is needed because a thread of PyTorch
 * Mobile would otherwise keep the process alive.
 */
public fun main(args: Array<String>): Unit = exitProcess(FrzHost().execute(args))
