package io.frz.cli

import java.io.File
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Option
import picocli.CommandLine.Parameters

@Command(
    name = "decode",
    description = ["Rebuilds all weights into a .safetensors file. A failure leaves no output behind."],
    mixinStandardHelpOptions = true
)
internal class Decode : Runnable {
    @Parameters(paramLabel = "FILE", description = ["the file to decode"])
    private lateinit var file: File

    @Option(
        names = ["-o", "--output"],
        required = true,
        paramLabel = "OUT",
        description = ["the file to write, or a folder for one of the same name"]
    )
    private lateinit var output: File

    @Mixin
    private lateinit var opening: Opening

    override fun run() {
        val target = if (output.isDirectory) File(output, "${file.nameWithoutExtension}.safetensors") else output
        if (!target.absoluteFile.parentFile.isDirectory) {
            throw Failure(
                "$target: its folder does not exist; make it first"
            )
        }
        on(file) {
            opening.open(file) { Safetensors(it).write(target) }
        }
    }
}
