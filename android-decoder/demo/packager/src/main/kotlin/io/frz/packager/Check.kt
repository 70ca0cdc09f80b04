package io.frz.packager

import com.android.apksig.ApkVerifier
import java.io.File
import java.util.zip.ZipFile

/**
 * Checks that phones can install [apk], and that it needs no permissions.
 *
 * @return the findings, as lines of text
 */
internal fun check(apk: File, expected: Expected, aapt2: Aapt2): String {
    val layout = Layout(apk)
    return listOf(
        "APK: ${apk.length()} bytes",
        signature(apk, expected),
        alignment(layout),
        badging(aapt2.badging(apk), expected),
        libraries(apk),
        code(apk, expected),
        growth(layout)
    ).joinToString("\n  ")
}

private fun signature(apk: File, expected: Expected): String {
    val result = ApkVerifier.Builder(apk).setMinCheckedPlatformVersion(expected.minSdk).build().verify()
    val faults = result.allErrors.map { it.toString() }
    if (!result.isVerified || faults.isNotEmpty()) {
        throw PackagingException("the signature of $apk is invalid: ${faults.joinToString("; ")}")
    }
    val schemes = mapOf(
        1 to result.isVerifiedUsingV1Scheme,
        2 to result.isVerifiedUsingV2Scheme,
        3 to result.isVerifiedUsingV3Scheme
    )
    val missing = schemes.filterValues { !it }.keys
    if (missing.isNotEmpty()) throw PackagingException("$apk lacks signatures of the schemes $missing")
    return "signature: schemes ${schemes.keys.joinToString()} are valid from API ${expected.minSdk}"
}

internal fun alignment(layout: Layout): String {
    val stored = layout.entries.filter { it.stored }
    for (entry in stored) {
        val multiple = if (entry.name.endsWith(".so")) PAGE else WORD
        if (entry.offset % multiple != 0) {
            throw PackagingException("${entry.name} is at byte ${entry.offset}, not at a multiple of $multiple")
        }
    }
    val networks = layout.entries.filter { entry -> Aapt2.STORED.any { entry.name.endsWith(it) } }
    networks.firstOrNull { !it.stored }?.let { throw PackagingException("${it.name} is compressed") }
    return "alignment: all ${stored.size} uncompressed entries are aligned, ${networks.size} of them networks"
}

internal fun badging(badging: String, expected: Expected): String {
    fun only(pattern: String): String = Regex(pattern).find(badging)?.groupValues?.get(1)
        ?: throw PackagingException("the badging has no $pattern:\n$badging")

    fun same(what: String, found: Any, wanted: Any) {
        if (found != wanted) throw PackagingException("the APK's $what is $found, not $wanted")
    }
    same("package", only("package: name='([^']*)'"), expected.name)
    same("version", only("versionName='([^']*)'"), expected.version)
    same("version code", only("versionCode='([^']*)'"), "${expected.code}")
    same("minimum API level", only("(?:minSdkVersion|sdkVersion):'([^']*)'"), "${expected.minSdk}")
    same("target API level", only("targetSdkVersion:'([^']*)'"), "${expected.targetSdk}")
    same("compile SDK", only("compileSdkVersion='([^']*)'"), "${expected.targetSdk}")
    same("activity", only("launchable-activity: name='([^']*)'"), expected.activity)
    val permissions = Regex("uses-permission[^:]*: name='([^']*)'").findAll(badging).map { it.groupValues[1] }.toList()
    if (permissions.isNotEmpty()) throw PackagingException("the APK asks for $permissions")
    if ("application-debuggable" in badging) throw PackagingException("the APK can be debugged by every other app")
    val abis = Regex("'([^']*)'").findAll(only("native-code:(.*)")).map { it.groupValues[1] }.toSet()
    same("processors", abis, expected.abis)
    return "badging: ${expected.name} ${expected.version} (${expected.code}), API ${expected.minSdk} and up," +
        " target API ${expected.targetSdk}, for ${abis.joinToString()}, no permissions"
}

/** Describes which libraries phones with 16 KiB pages can load. Those of PyTorch Mobile cannot be rebuilt here. */
private fun libraries(apk: File): String {
    val pages = ZipFile(apk).use { zip ->
        zip.entries().asSequence().filter { it.name.endsWith(".so") }
            .map { entry -> Elf(entry.name, zip.getInputStream(entry).use { it.readBytes() }).page }.toList()
    }
    return "libraries: ${pages.count { it >= PAGE }} of ${pages.size} can be loaded on phones with 16 KiB pages"
}

private fun code(apk: File, expected: Expected): String {
    val files = ZipFile(apk).use { zip ->
        zip.entries().asSequence().filter { it.name.endsWith(".dex") }
            .map { entry -> DexFile(zip.getInputStream(entry).use { it.readBytes() }) }.toList()
    }
    files.firstOrNull { it.version > OLDEST_DEX }?.let {
        throw PackagingException("API ${expected.minSdk} does not support dex files of version ${it.version}")
    }
    val classes = files.flatMapTo(HashSet()) { it.classes }
    if (expected.activity !in classes) throw PackagingException("the APK lacks the class ${expected.activity}")
    return "code: ${classes.size} classes in ${files.size} dex file(s), including the activity"
}

/** Describes by how many bytes each network enlarges the APK. */
private fun growth(layout: Layout): String {
    val networks = layout.entries.filter { entry -> Aapt2.STORED.any { entry.name.endsWith(it) } }
    return networks.groupBy { it.name.substringAfterLast('/').substringBeforeLast('.') }.map { (name, entries) ->
        val parts = entries.joinToString(" + ") { "${it.span} (.${it.name.substringAfterLast('.')})" }
        "size of $name: $parts = ${entries.sumOf { it.span }} bytes, headers and padding included"
    }.joinToString("\n  ").ifEmpty { "size of networks: the APK contains none" }
}

/** The latest version of the dex format that Android 5 supports. */
private const val OLDEST_DEX = 35

private const val WORD = 4
