package io.frz.host

import io.frz.cli.shell.Shell
import kotlin.system.exitProcess
import picocli.CommandLine.Command
import picocli.CommandLine.HelpCommand

/** The command `frz-host` and its subcommands. */
@Command(
    name = "frz-host",
    description = ["Run models as a phone does: decoder, org.pytorch, and the lite interpreter of PyTorch Mobile."],
    subcommands = [Report::class, Bench::class, Stress::class, HelpCommand::class]
)
internal class FrzHost : Shell()

// The library of PyTorch Mobile has its own thread, which would keep the process alive.
public fun main(args: Array<String>): Unit = exitProcess(FrzHost().commandLine().execute(*args))
