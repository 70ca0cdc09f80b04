package io.frz.benchmark

import java.io.File
import java.io.IOException

/** The information that the suite needs about the device. Unknown values are null. */
public interface Device {
    /**
     * Facts about the device for the report, with the same keys as in parity reports: `manufacturer`, `model`, `os`,
     * `cores` and so on.
     */
    public val facts: Map<String, Any>

    /** Returns the temperature of the device in °C. */
    public fun temperature(): Double?

    /** Returns how much the device reduces its performance because it is hot. */
    public fun thermalStatus(): ThermalStatus?

    /**
     * Returns the thermal headroom: at 1, the device becomes so hot that it reduces its performance noticeably; the
     * smaller the value, the cooler the device.
     */
    public fun thermalHeadroom(): Double?

    /** Returns the resident memory of this process in bytes. */
    public fun resident(): Long?

    /** Returns the peak of the resident memory in bytes, since the process started or since [forgetPeak]. */
    public fun peak(): Long?

    /** Resets the peak to the current size; returns whether that was possible. */
    public fun forgetPeak(): Boolean
}

/**
 * A device that runs Linux, which includes Android.
 *
 * @property facts facts for the report
 */
public open class LinuxDevice(override val facts: Map<String, Any>) : Device {
    override fun temperature(): Double? {
        val zones = File("/sys/class/thermal").listFiles { file -> file.name.startsWith("thermal_zone") }.orEmpty()
        return zones.mapNotNull { text(File(it, "temp"))?.trim()?.toDoubleOrNull()?.div(MILLI) }
            .filter { it in PLAUSIBLE }.maxOrNull()
    }

    /** Returns null: only Android reports a status, and only to apps. */
    override fun thermalStatus(): ThermalStatus? = null

    /** Returns null: only Android reports the headroom, and only to apps. */
    override fun thermalHeadroom(): Double? = null

    override fun resident(): Long? = status("VmRSS")

    override fun peak(): Long? = status("VmHWM")

    override fun forgetPeak(): Boolean = try {
        File("/proc/self/clear_refs").writeText("5")
        true
    } catch (_: IOException) {
        false
    }

    private fun status(field: String): Long? = text(File("/proc/self/status"))?.lineSequence()
        ?.firstOrNull { it.startsWith("$field:") }?.filter { it.isDigit() }?.toLongOrNull()?.times(KIB)

    private fun text(file: File): String? = try {
        file.readText()
    } catch (_: IOException) {
        null
    }

    private companion object {
        const val MILLI = 1000
        const val KIB = 1024
        val PLAUSIBLE = 1.0..150.0
    }
}
