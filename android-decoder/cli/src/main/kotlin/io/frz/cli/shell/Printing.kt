package io.frz.cli.shell

import java.io.PrintWriter
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Option
import picocli.CommandLine.Spec

/** The output stream and output format of a command. */
public class Printing {
    /** Whether to print JSON. */
    @Option(names = ["--json"], description = ["Print JSON."])
    public var json: Boolean = false
        private set

    @Spec(Spec.Target.MIXEE)
    private lateinit var spec: CommandSpec

    /** The stream to which the command prints. */
    public val out: PrintWriter get() = spec.commandLine().out
}
