package io.frz.host

import io.frz.cli.shell.on
import java.io.File
import picocli.CommandLine.Option

/** The inputs on which a command runs a model. */
internal class Example {
    @Option(
        names = ["--input"],
        paramLabel = "NPY",
        required = true,
        description = ["An input, an .npy file. If the model has several, repeat the option in their order."]
    )
    private lateinit var files: List<File>

    val inputs: List<Input> by lazy { files.map { file -> on(file) { NdArray.readInput(file) } } }
}
