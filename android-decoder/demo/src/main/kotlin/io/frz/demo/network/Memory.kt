package io.frz.demo.network

import java.io.File
import java.io.IOException

/** The app's resident memory in bytes. A size is null if the system does not report it. */
internal class Memory {
    /** The current size. */
    val resident: Long?

    /** The peak size since the app started. */
    val peak: Long?

    init {
        val lines = try {
            File("/proc/self/status").readLines()
        } catch (_: IOException) {
            emptyList()
        }
        resident = lines.kibibytes("VmRSS:")
        peak = lines.kibibytes("VmHWM:")
    }

    private fun List<String>.kibibytes(name: String): Long? =
        firstOrNull { it.startsWith(name) }?.filter { it.isDigit() }?.toLongOrNull()?.times(1024)
}
