package io.frz.cli

import java.io.PrintWriter
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Spec

/** Where a command prints its result, and for whom. */
internal class Printing {
    @Option(names = ["--json"], description = ["print one JSON object, for programs"])
    var json = false
        private set

    @Spec(Spec.Target.MIXEE)
    private lateinit var spec: CommandSpec

    val out: PrintWriter get() = spec.commandLine().out
}
