package io.frz.cli

import io.frz.cli.shell.Shell
import kotlin.system.exitProcess
import picocli.CommandLine.Command
import picocli.CommandLine.HelpCommand

/** The command `frz` and its subcommands. */
@Command(
    name = "frz",
    description = ["Inspect .frz files, rebuild their weights, and test the decoder."],
    subcommands = [
        Dump::class,
        Decode::class,
        Verify::class,
        Bench::class,
        Parity::class,
        Attack::class,
        HelpCommand::class
    ]
)
internal class Frz : Shell()

/** Runs the command `frz` and exits with its exit code. */
public fun main(args: Array<String>): Unit = exitProcess(Frz().execute(args))
