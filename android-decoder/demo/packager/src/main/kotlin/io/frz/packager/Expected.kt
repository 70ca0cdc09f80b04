package io.frz.packager

/**
 * The properties that an APK must declare.
 *
 * @property name the name of its package
 * @property activity the class that the launcher starts
 * @property version the version to display
 * @property code the version code; Android does not replace an app with one that has a lower code
 * @property minSdk the lowest API level on which it can be installed
 * @property targetSdk the API level that it was written for
 * @property abis the processor architectures for which it contains libraries
 */
internal class Expected(
    val name: String,
    val activity: String,
    val version: String,
    val code: Int,
    val minSdk: Int,
    val targetSdk: Int,
    val abis: Set<String>
)
