package io.frz.packager

import java.io.File
import java.time.LocalDateTime
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.ZipEntry
import java.util.zip.ZipFile
import java.util.zip.ZipOutputStream

/** Returns the shared libraries of [abis] below [folder], keyed by their paths in the APK. */
internal fun nativeLibraries(folder: File, abis: List<String>): Map<String, File> = abis.flatMap { abi ->
    val files = File(folder, abi).listFiles { file -> file.extension == "so" }.orEmpty().sortedBy { it.name }
    if (files.isEmpty()) {
        val there = folder.list().orEmpty().sorted().joinToString().ifEmpty { "nothing" }
        throw PackagingException("there is no library for $abi in $folder, only for $there")
    }
    files.map { "lib/$abi/${it.name}" to it }
}.toMap()

/**
 * Adds [dex] files and [natives] to the resources and assets of [base]. Equal inputs produce identical files.
 *
 * Libraries are compressed, because the manifest sets `extractNativeLibs`, so the installer unpacks them. Compression
 * reduces the APK to a quarter of its size, and also works on Android 5. It is acceptable for an app that is installed
 * over USB.
 */
internal fun assemble(base: File, dex: List<File>, natives: Map<String, File>, output: File) {
    ZipOutputStream(output.outputStream().buffered()).use { zip ->
        zip.setLevel(Deflater.BEST_COMPRESSION)
        ZipFile(base).use { from ->
            for (entry in from.entries()) {
                val bytes = from.getInputStream(entry).use { it.readBytes() }
                zip.add(entry.name, bytes, stored = entry.method == ZipEntry.STORED)
            }
        }
        for (file in dex) zip.add(file.name, file.readBytes(), stored = false)
        for ((name, file) in natives) zip.add(name, file.readBytes(), stored = false)
    }
}

private fun ZipOutputStream.add(name: String, bytes: ByteArray, stored: Boolean) {
    val entry = ZipEntry(name)
    entry.timeLocal = TIME
    if (stored) {
        entry.method = ZipEntry.STORED
        entry.size = bytes.size.toLong()
        entry.crc = CRC32().apply { update(bytes) }.value
    }
    putNextEntry(entry)
    write(bytes)
    closeEntry()
}

/** The date of all entries. It is fixed, so that equal inputs produce identical files. */
private val TIME = LocalDateTime.of(1981, 1, 1, 1, 1, 2)
