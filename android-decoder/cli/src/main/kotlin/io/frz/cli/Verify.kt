package io.frz.cli

import java.io.File
import java.util.concurrent.Callable
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "verify",
    description = ["Decodes files without rebuilding weights, and says which are sound."],
    mixinStandardHelpOptions = true
)
internal class Verify : Callable<Int> {
    @Parameters(arity = "1..*", paramLabel = "FILE", description = ["the files to check"])
    private lateinit var files: List<File>

    @Mixin
    private lateinit var opening: Opening

    @Spec
    private lateinit var spec: CommandSpec

    override fun call(): Int {
        val out = spec.commandLine().out
        val err = spec.commandLine().err
        var faulty = 0
        for (file in files) {
            try {
                val summary = on(file) {
                    opening.open(file).use {
                        it.verify()
                        "${it.tensors.size} tensors, tier ${it.tier} of ${it.tiersPresent} present"
                    }
                }
                out.println("$file: sound, $summary")
            } catch (e: Failure) {
                err.println("frz: ${e.message}")
                faulty++
            }
        }
        return if (faulty == 0) 0 else 2
    }
}
