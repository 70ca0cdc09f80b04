package io.frz.cli

import io.frz.cli.shell.Failure
import io.frz.cli.shell.Replacing
import java.io.File
import java.util.Locale
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Option

@Command(
    name = "decode",
    description = ["Rebuild all weights and write them to a .safetensors file. A failure leaves no output behind."]
)
internal class Decode : Runnable {
    @Mixin
    private lateinit var input: Input

    @Option(
        names = ["-o", "--output"],
        required = true,
        paramLabel = "OUT",
        description = ["The file to write, or a folder in which to write a file of the same name."]
    )
    private lateinit var output: File

    @Mixin
    private lateinit var replacing: Replacing

    override fun run() {
        val target = if (output.isDirectory) File(output, "${input.file.nameWithoutExtension}.safetensors") else output
        replacing.requireWritable(target, input.sources)
        if (target.extension.lowercase(Locale.ROOT) in OTHERS) {
            throw Failure("$target: only .safetensors files can be written here; `frformat decode` writes others")
        }
        input.open { Safetensors(it).write(target) }
    }

    private companion object {
        /** Extensions of other checkpoint formats. */
        val OTHERS = setOf("npz", "pt", "pth", "frz")
    }
}
