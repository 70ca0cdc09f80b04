package io.frz.loading

import androidx.annotation.WorkerThread
import java.io.File
import java.io.IOException

/**
 * A folder for files that a [FrzRuntime] can write again. The app can keep other files in the same folder. Files that
 * have not been used for 30 days, and those that killed processes left behind, are deleted.
 *
 * Failures to write are [FrzLoadException]s with [FrzLoadException.Kind.CACHE].
 *
 * @param folder the folder, which is created if it does not exist
 * @param prefix the start of the names of all files that this object writes
 * @param kept matches the rest of the name of a file that is kept, or null if no file is
 * @param problem the start of error messages, which the folder follows: "the skeleton cannot be copied to"
 */
public class FrzCache(
    private val folder: File,
    private val prefix: String,
    private val kept: Regex?,
    private val problem: String
) {
    /** Creates the folder if it does not exist, and deletes old files from it. Call this before all other functions. */
    @Throws(FrzLoadException::class)
    @WorkerThread
    public fun open(): Unit = writing {
        if (!folder.isDirectory && !folder.mkdirs() && !folder.isDirectory) {
            throw IOException(if (folder.exists()) "it is not a folder" else "the folder cannot be created")
        }
        val now = System.currentTimeMillis()
        for (file in folder.listFiles { _, name -> name.startsWith(prefix) }.orEmpty()) {
            val rest = file.name.removePrefix(prefix)
            val longest = when {
                TEMPORARY.matches(rest) -> TEMPORARY_MILLIS
                kept != null && kept.matches(rest) -> UNUSED_MILLIS
                else -> continue
            }
            if (now - file.lastModified() > longest) file.delete()
        }
    }

    /**
     * Passes a new file to [write], which returns the name to keep it under, and returns the file of that name. The
     * file becomes visible under its name only when it is complete. If [write] throws, no file is left behind.
     */
    @Throws(IOException::class)
    @WorkerThread
    public fun keep(write: (File) -> String): File = temporary { partial ->
        val file = File(folder, write(partial))
        writing { if (!partial.renameTo(file)) throw IOException("$partial cannot be renamed to ${file.name}") }
        file
    }

    /** Passes a new file to [use], and deletes the file when [use] ends. */
    @Throws(IOException::class)
    @WorkerThread
    public fun <T> temporary(use: (File) -> T): T {
        val file = writing { File.createTempFile(prefix, PARTIAL, folder) }
        try {
            return use(file)
        } finally {
            file.delete()
        }
    }

    /** Returns the result of [write]. If it throws an [IOException], the folder is at fault. */
    @Throws(FrzLoadException::class)
    public fun <T> writing(write: () -> T): T = try {
        write()
    } catch (e: FrzLoadException) {
        throw e
    } catch (e: IOException) {
        throw FrzLoadException(
            FrzLoadException.Kind.CACHE,
            "$problem $folder (${e.message}); free some space, or choose another folder",
            e
        )
    }

    private companion object {
        const val PARTIAL = ".partial"
        val TEMPORARY = Regex("-?[0-9]+\\.partial")
        const val TEMPORARY_MILLIS = 60L * 60 * 1000
        const val UNUSED_MILLIS = 30L * 24 * 60 * 60 * 1000
    }
}
