package io.frz.packager

/** The properties that an APK must declare. */
internal class Expected(val name: String, val activity: String, val minSdk: Int, val abis: Set<String>)
