package io.frz.demo.suite

import android.content.Context
import io.frz.benchmark.Manifest
import java.io.File
import java.io.IOException
import java.io.InterruptedIOException

/** The networks and inputs of the benchmark suite, stored as files, because the suite measures how they load. */
internal class SuiteFiles(private val context: Context) {
    /**
     * Returns the folder that a developer has copied to the phone, or else the one with the app's own files, which are
     * unpacked on first use.
     */
    @Throws(IOException::class)
    fun folder(): File {
        val copied = context.getExternalFilesDir(null)?.let { File(it, NAME) }
        if (copied != null && File(copied, Manifest.FILE).isFile) return copied
        // Android empties this folder when the app is updated, so files of earlier versions are removed.
        val folder = File(context.codeCacheDir, NAME)
        if (!File(folder, Manifest.FILE).isFile) unpack(folder)
        return folder
    }

    /** Writes all files to [folder], which appears only when it is complete. */
    private fun unpack(folder: File) {
        val part = File(folder.path + ".part")
        try {
            part.deleteRecursively()
            if (!part.mkdirs()) throw IOException("the folder $part cannot be created")
            for (name in context.assets.list(NAME).orEmpty()) {
                if (Thread.interrupted()) throw InterruptedIOException("unpacking was cancelled")
                context.assets.open("$NAME/$name").use { from -> File(part, name).outputStream().use(from::copyTo) }
            }
            folder.deleteRecursively()
            if (!part.renameTo(folder)) throw IOException("$part cannot be renamed to $folder")
        } finally {
            part.deleteRecursively()
        }
    }

    private companion object {
        const val NAME = "suite"
    }
}
