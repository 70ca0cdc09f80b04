package io.frz.cli

import io.frz.FrzFile
import io.frz.cli.shell.Failure
import java.io.File
import java.util.concurrent.Callable
import picocli.CommandLine.Command
import picocli.CommandLine.Mixin
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "verify",
    description = ["Check each FILE completely: structure, checksums, streams and values. No weights are rebuilt."]
)
internal class Verify : Callable<Int> {
    @Parameters(arity = "1..*", paramLabel = "FILE", description = ["The .frz files."])
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
                out.println("$file: ok, ${verified(file)}")
            } catch (e: Failure) {
                err.println("frz: ${e.message}")
                faulty++
            }
        }
        return if (faulty == 0) 0 else 2
    }

    /** Decodes the requested tiers of [file] and describes its contents. */
    private fun verified(file: File): String = opening.open(file) { frz ->
        frz.verify()
        val others = if (opening.options.tier == null) 0 until frz.tier else IntRange.EMPTY
        for (tier in others) {
            FrzFile.open(file, opening.options.newBuilder().tier(tier).build()).use { it.verify() }
        }
        "${frz.tensors.size} tensors, tier ${frz.tier} of ${frz.tiersPresent} present"
    }
}
