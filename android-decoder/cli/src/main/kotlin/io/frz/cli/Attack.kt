package io.frz.cli

import io.frz.FrzException
import io.frz.FrzFile
import io.frz.FrzOptions
import io.frz.cli.shell.on
import java.io.File
import java.util.TreeMap
import java.util.concurrent.Callable
import picocli.CommandLine.Command
import picocli.CommandLine.Model.CommandSpec
import picocli.CommandLine.Parameters
import picocli.CommandLine.Spec

@Command(
    name = "attack",
    description = [
        "Damage copies of a file in memory, by flipping each bit and cutting before each byte, and decode each copy.",
        "Every damaged copy must be refused with an error code of the format; one cut after a tier is not damaged."
    ]
)
internal class Attack : Callable<Int> {
    @Parameters(paramLabel = "FILE", description = ["An intact .frz file."])
    private lateinit var file: File

    @Spec
    private lateinit var spec: CommandSpec

    override fun call(): Int {
        val bytes = on(file) { file.readBytes() }
        val tiers = on(file) { decode(bytes) }
        val refused = TreeMap<String, Int>()
        var accepted = 0
        var smaller = 0

        fun attempt(damaged: ByteArray): Int? = try {
            decode(damaged)
        } catch (e: FrzException) {
            refused.merge(e.code.name, 1, Int::plus)
            null
        }
        for (bit in 0 until Byte.SIZE_BITS * bytes.size) {
            if (attempt(flipped(bytes, bit)) != null) accepted++
        }
        for (size in bytes.indices) {
            val present = attempt(bytes.copyOf(size)) ?: continue
            if (present < tiers) smaller++ else accepted++
        }

        val out = spec.commandLine().out
        val total = (Byte.SIZE_BITS + 1) * bytes.size - smaller
        out.println(
            "$file: ${total - accepted} of $total damaged files refused, $accepted decoded; $smaller cut after a tier"
        )
        refused.forEach { (code, count) -> out.println("  %-10s %d".format(code, count)) }
        return if (accepted == 0) 0 else 1
    }

    /** Decodes every tier of [bytes] and returns the number of tiers. */
    private fun decode(bytes: ByteArray): Int {
        val tiers = FrzFile.open(bytes).use { it.tiersPresent }
        for (tier in 0 until tiers) {
            FrzFile.open(bytes, FrzOptions.builder().tier(tier).build()).use { it.verify() }
        }
        return tiers
    }

    private fun flipped(bytes: ByteArray, bit: Int) = bytes.clone().also {
        val at = bit / Byte.SIZE_BITS
        it[at] = (it[at].toInt() xor (1 shl bit % Byte.SIZE_BITS)).toByte()
    }
}
