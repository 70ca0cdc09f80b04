package io.frz.cli.shell

import io.frz.FrzException
import java.io.File
import java.io.IOException
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.LinkOption
import java.nio.file.StandardCopyOption
import java.nio.file.StandardOpenOption
import picocli.CommandLine.Option

/** The option to replace existing output files, which are kept without it. */
public class Replacing {
    @Option(names = ["--force"], description = ["Replace the output file if it exists."])
    private var force = false

    /**
     * Throws if [target] cannot be written: if its folder does not exist, if it is something other than a file, such as
     * a device, which would be replaced, if it is one of the [sources] of its content, or if it exists and --force was
     * not given.
     */
    public fun requireWritable(target: File, sources: List<File> = emptyList()) {
        val path = target.toPath()
        val problem = when {
            !target.absoluteFile.parentFile.isDirectory -> "its folder does not exist; create it first"

            !Files.exists(path, LinkOption.NOFOLLOW_LINKS) -> return

            target.exists() && !target.isFile -> "it is not a regular file; choose another output"

            sources.any { it.exists() && target.exists() && Files.isSameFile(it.toPath(), path) } ->
                "it is also an input; choose another output"

            force -> return

            else -> "it exists; use --force to replace it"
        }
        throw Failure("$target: $problem")
    }
}

/**
 * Calls [write] with a temporary file, which then replaces [target] or, if that is a symbolic link, the file that it
 * refers to. If this fails, [target] remains unchanged. Unless an `.frz` file is at fault, the error message starts
 * with the name of the target.
 */
public inline fun replacing(target: File, write: (partial: File) -> Unit) {
    try {
        val real = target.canonicalFile
        val partial = temporary(real)
        try {
            write(partial)
            FileChannel.open(partial.toPath(), StandardOpenOption.WRITE).use { it.force(true) }
            Files.move(partial.toPath(), real.toPath(), StandardCopyOption.REPLACE_EXISTING)
        } finally {
            partial.delete()
        }
    } catch (e: FrzException) {
        throw e
    } catch (e: IOException) {
        throw Failure("$target: it cannot be written: ${e.message}", e)
    }
}

/**
 * Returns a new file beside [target], which is deleted even if a signal ends this process. Deletes the files of earlier
 * processes that were killed: those that have not been written to for an hour.
 */
@PublishedApi
internal fun temporary(target: File): File {
    val names = Regex(Regex.escape(".${target.name}.") + "-?[0-9]+\\.partial")
    val now = System.currentTimeMillis()
    target.parentFile.listFiles { _, name -> names.matches(name) }.orEmpty()
        .filter { now - it.lastModified() > TEMPORARY_MILLIS }
        .forEach { it.delete() }
    return File.createTempFile(".${target.name}.", ".partial", target.parentFile).apply { deleteOnExit() }
}

private const val TEMPORARY_MILLIS = 60L * 60 * 1000
