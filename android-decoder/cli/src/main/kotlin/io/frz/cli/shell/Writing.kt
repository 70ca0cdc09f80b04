package io.frz.cli.shell

import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** Throws if the folder of [target] does not exist. */
public fun requireFolder(target: File) {
    if (!target.absoluteFile.parentFile.isDirectory) {
        throw Failure("$target: its folder does not exist; create it first")
    }
}

/** Calls [write] with a temporary file, which then replaces [target]. If this fails, [target] remains unchanged. */
public inline fun replacing(target: File, write: (partial: File) -> Unit) {
    val partial = File.createTempFile(".${target.name}.", ".partial", target.absoluteFile.parentFile)
    try {
        write(partial)
        Files.move(partial.toPath(), target.toPath(), StandardCopyOption.REPLACE_EXISTING)
    } finally {
        partial.delete()
    }
}
