package io.frz.host

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.frz.cli.shell.Failure
import java.io.File
import java.util.concurrent.TimeUnit

/**
 * Runs commands of this program, each in a new Java process, in which nothing is left over from earlier work.
 *
 * @param flags additional options of the Java virtual machine
 */
internal class Child(private val flags: List<String> = emptyList()) {
    /** Runs a command and returns the JSON object that it prints. Throws [Failure] if the command fails. */
    fun run(arguments: List<String>): JsonObject {
        val output = File.createTempFile("frz-child", ".json")
        val errors = File.createTempFile("frz-child", ".txt")
        try {
            val process = ProcessBuilder(command(arguments)).redirectOutput(output).redirectError(errors).start()
            try {
                if (!process.waitFor(LONGEST_MINUTES, TimeUnit.MINUTES)) {
                    throw Failure("it took more than $LONGEST_MINUTES minutes")
                }
            } finally {
                process.destroyForcibly()
            }
            if (process.exitValue() != 0) {
                // Native libraries print warnings before the command reports its failure.
                val lines = errors.readLines().filter { it.isNotBlank() }
                val reason = lines.firstOrNull { it.startsWith(PROGRAM) } ?: lines.firstOrNull()
                throw Failure(reason?.removePrefix(PROGRAM) ?: "exit code ${process.exitValue()}")
            }
            return JsonParser.parseString(output.readText()).asJsonObject
        } finally {
            output.delete()
            errors.delete()
        }
    }

    private fun command(arguments: List<String>): List<String> {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val native = System.getProperty("frz.native")?.let { listOf("-Dfrz.native=$it") }.orEmpty()
        return listOf(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1") + flags + native +
            listOf("-cp", System.getProperty("java.class.path"), "io.frz.host.FrzHostKt") + arguments
    }

    private companion object {
        const val LONGEST_MINUTES = 5L
        const val PROGRAM = "frz-host: "
    }
}
