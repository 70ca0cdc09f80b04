package io.frz.host

import io.frz.cli.shell.on
import java.io.File
import picocli.CommandLine.Option

/** The input on which a command runs a model. */
internal class Example {
    @Option(names = ["--input"], paramLabel = "NPY", required = true, description = ["The input, a float32 .npy file."])
    private lateinit var file: File

    val array: NdArray by lazy { on(file) { NdArray.read(file) } }
}
