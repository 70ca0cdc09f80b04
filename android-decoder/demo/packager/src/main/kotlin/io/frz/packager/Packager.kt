package io.frz.packager

import java.io.File
import java.nio.file.Files
import java.nio.file.StandardCopyOption
import kotlin.system.exitProcess

/** Runs a build step: either the one before or the one after compilation; see [USAGE]. */
public fun main(arguments: Array<String>) {
    try {
        val options = Options(arguments.drop(1))
        when (arguments.firstOrNull()) {
            "resources" -> resources(options)
            "apk" -> apk(options)
            else -> throw PackagingException("specify a step:\n$USAGE")
        }
    } catch (e: PackagingException) {
        System.err.println("packager: ${e.message}")
        exitProcess(1)
    }
}

private fun resources(options: Options) {
    val link = Link(options.file("manifest"), options.file("res"), options.file("assets"))
    options.end()
    Aapt2(options.folder).link(link, options.folder)
}

private fun apk(options: Options) {
    val jars = options.files("jars")
    val library = options.files("library")
    val rules = options.files("rules")
    val natives = options.file("natives")
    val abis = options.string("abis").split(',').map { it.trim() }
    val key = SigningKey.at(options.file("key"))
    val expected = Expected(
        name = options.string("package"),
        activity = options.string("activity"),
        version = options.string("version"),
        code = options.int("version-code"),
        minSdk = MIN_SDK,
        targetSdk = TARGET_SDK,
        abis = abis.toSet()
    )
    val output = options.file("output")
    options.end()

    val folder = options.folder
    val dex = dex(jars, library, rules, File(folder, "dex"))
    val unsigned = File(folder, "unsigned.apk")
    assemble(File(folder, Aapt2.BASE), dex, nativeLibraries(natives, abis), unsigned)
    val signed = File(folder, "signed.apk")
    sign(unsigned, signed, key)
    val found = check(signed, expected, Aapt2(folder))
    // The move is atomic, so the APK at the output path has always been completed and checked.
    Files.move(signed.toPath(), output.toPath(), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE)
    File(output.path.removeSuffix(".apk") + ".txt").writeText(found + "\n")
    println(found)
}

/** The API level of Android 5.0, the oldest version on which the app must install. */
internal const val MIN_SDK = 21

/** The API level that the app is written for; app stores demand a recent one. */
internal const val TARGET_SDK = 36

internal class PackagingException(message: String) : Exception(message)

/** Command-line arguments of the form `--name=value`. An unused argument is an error. */
private class Options(arguments: List<String>) {
    private val values = arguments.associate {
        val name = it.substringBefore('=')
        if (!name.startsWith("--") || '=' !in it) throw PackagingException("$it is not of the form --name=value")
        name.drop(2) to it.substringAfter('=')
    }.toMutableMap()

    /** The folder to which a step writes files for later steps. */
    val folder = file("work").also { it.mkdirs() }

    fun string(name: String) = values.remove(name) ?: throw PackagingException("--$name=… is missing")

    fun int(name: String) =
        string(name).run { toIntOrNull() ?: throw PackagingException("--$name=$this is not a number") }

    fun file(name: String) = File(string(name))

    fun files(name: String) = string(name).split(File.pathSeparator).filter { it.isNotEmpty() }.map { File(it) }

    fun end() {
        if (values.isNotEmpty()) throw PackagingException("unknown options: ${values.keys.joinToString { "--$it" }}")
    }
}

private const val USAGE = """
packager resources --work=DIR --manifest=FILE --res=DIR --assets=DIR
    compiles and links the resources; leaves base.apk and java/ with R.java in DIR
packager apk --work=DIR --jars=PATH --library=PATH --rules=PATH --natives=DIR --abis=ABI,… --key=KEYSTORE
        --package=NAME --activity=CLASS --version=NAME --version-code=NUMBER --output=FILE
    compiles and shrinks the jars to dex, adds them and DIR/ABI/*.so to base.apk, aligns, signs and checks the
    APK, and records what was found in a .txt file next to it"""
