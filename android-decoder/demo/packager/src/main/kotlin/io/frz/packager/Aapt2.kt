package io.frz.packager

import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption

/** The input of [Aapt2.link]: the parts of an app other than its code. */
internal class Link(val manifest: File, val resources: File, val assets: File)

/** Runs the Android Asset Packaging Tool, an executable that is unpacked from a jar to [folder]. */
internal class Aapt2(private val folder: File) {
    private val executable by lazy { unpack(location()).apply { setExecutable(true) } }
    private val framework by lazy { unpack("/prebuilt/android-framework.jar") }

    /**
     * Compiles and links resources into [BASE] and writes `java/…/R.java`, both in [output]. Networks are not
     * compressed.
     */
    fun link(app: Link, output: File) {
        val compiled = File(output, "resources.zip")
        run("compile", "--dir", app.resources.path, "-o", compiled.path)
        val java = File(output, "java")
        java.deleteRecursively()
        java.mkdirs()
        run(
            "link", "-I", framework.path, "--manifest", app.manifest.path,
            "-A", app.assets.path, *STORED.flatMap { listOf("-0", it) }.toTypedArray(),
            // Without these options, aapt2 would write the version of the framework in this jar, which is an old
            // release.
            "--compile-sdk-version-code", "$TARGET_SDK", "--compile-sdk-version-name", COMPILE_SDK_NAME,
            "--java", java.path, "-o", File(output, BASE).path, compiled.path
        )
    }

    /** Returns the properties that an app store reads from [apk], as lines of the form `key: values`. */
    fun badging(apk: File): String = run("dump", "badging", apk.path)

    private fun run(vararg arguments: String): String {
        val process = ProcessBuilder(executable.path, *arguments).redirectErrorStream(true).start()
        process.outputStream.close()
        val output = process.inputStream.bufferedReader().readText()
        if (process.waitFor() != 0) throw PackagingException("aapt2 ${arguments.first()} failed:\n${output.trim()}")
        return output
    }

    private fun location(): String {
        val system = System.getProperty("os.name").lowercase()
        return when {
            "linux" in system -> "/prebuilt/linux/aapt2_64"
            "mac" in system -> "/prebuilt/macosx/aapt2_64"
            else -> "/prebuilt/windows/aapt2_64.exe"
        }
    }

    private fun unpack(resource: String): File {
        val stream = Aapt2::class.java.getResourceAsStream(resource)
            ?: throw PackagingException("apktool-lib does not contain $resource")
        val file = File(folder, resource.substringAfterLast('/'))
        stream.use { Files.copy(it, file.toPath(), StandardCopyOption.REPLACE_EXISTING) }
        return file
    }

    companion object {
        /** The name of the file with the linked resources and assets. */
        const val BASE = "base.apk"

        private const val COMPILE_SDK_NAME = "16"

        /** The file extensions of assets that the app maps into memory. */
        val STORED = listOf(".frz", ".ptl")
    }
}
