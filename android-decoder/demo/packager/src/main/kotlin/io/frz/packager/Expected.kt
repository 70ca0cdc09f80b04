package io.frz.packager

/**
 * The properties that an APK must declare.
 *
 * @property name the name of its package
 * @property activity the class that the launcher starts
 * @property version the version for people
 * @property code the version for Android, which installs only a higher one over a lower one
 * @property minSdk the lowest API level on which it can be installed
 * @property targetSdk the API level that it was written for
 * @property abis the processors for which it has libraries
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
