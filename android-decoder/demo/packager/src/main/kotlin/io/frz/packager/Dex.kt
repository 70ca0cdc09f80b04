package io.frz.packager

import com.android.tools.r8.CompilationFailedException
import com.android.tools.r8.CompilationMode
import com.android.tools.r8.JdkClassFileProvider
import com.android.tools.r8.OutputMode
import com.android.tools.r8.R8
import com.android.tools.r8.R8Command
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Compiles and shrinks [jars] to dex files for [MIN_SDK] in [folder].
 *
 * @param library Android's classes; the few that are missing there are taken from this JDK
 * @param rules files with rules that specify what to keep, in addition to the rules in the jars
 */
internal fun dex(jars: List<File>, library: List<File>, rules: List<File>, folder: File): List<File> {
    folder.deleteRecursively()
    folder.mkdirs()
    val command = R8Command.builder()
        .addProgramFiles(jars.map { it.toPath() })
        .addProguardConfigurationFiles(rules.map { it.toPath() })
        .setMode(CompilationMode.RELEASE)
        .setMinApiLevel(MIN_SDK)
        .setOutput(folder.toPath(), OutputMode.DexIndexed)
        .addLibraryFiles(library.map { it.toPath() })
        .addLibraryResourceProvider(JdkClassFileProvider.fromSystemJdk())
    try {
        R8.run(command.build())
    } catch (e: CompilationFailedException) {
        throw PackagingException("R8 failed: ${generateSequence<Throwable>(e) { it.cause }.last().message}")
    }
    return folder.listFiles { file -> file.extension == "dex" }!!.sortedBy { it.name }
}

/** The contents of a dex file: its version, and the classes that it defines, such as `io.frz.demo.MainActivity`. */
internal class DexFile(bytes: ByteArray) {
    private val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)

    init {
        if (bytes.size < HEADER || String(bytes, 0, 4, Charsets.US_ASCII) != "dex\n") {
            throw PackagingException("a dex file does not start with the magic number")
        }
    }

    /**
     * The version of the dex format. Android 5 and 6 support version 35; each higher version requires a later Android.
     */
    val version = String(bytes, 4, 3, Charsets.US_ASCII).toInt()

    val classes: Set<String> = (0 until buffer.getInt(CLASS_COUNT)).mapTo(HashSet()) { index ->
        // The definition of a class consists of eight integers, the first of which is the number of its type.
        val type = buffer.getInt(buffer.getInt(CLASSES) + 8 * Int.SIZE_BYTES * index)
        val string = buffer.getInt(buffer.getInt(TYPES) + 4 * type)
        descriptor(buffer.getInt(buffer.getInt(STRINGS) + 4 * string))
    }

    /** Returns the type descriptor at [offset], without `L` and `;`. Its length, in one to five bytes, precedes it. */
    private fun descriptor(offset: Int): String {
        var start = offset
        while (buffer.get(start++) < 0) Unit
        var end = start
        while (buffer.get(end) != 0.toByte()) end++
        return String(buffer.array(), start + 1, end - start - 2, Charsets.UTF_8).replace('/', '.')
    }

    private companion object {
        const val HEADER = 112
        const val STRINGS = 60
        const val TYPES = 68
        const val CLASS_COUNT = 96
        const val CLASSES = 100
    }
}
