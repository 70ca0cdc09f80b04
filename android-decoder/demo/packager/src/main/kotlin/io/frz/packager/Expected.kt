package io.frz.packager

/** What an APK must state about itself. */
internal class Expected(val name: String, val activity: String, val minSdk: Int, val abis: Set<String>)
