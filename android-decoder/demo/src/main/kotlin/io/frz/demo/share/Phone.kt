package io.frz.demo.share

import android.app.ActivityManager
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.PowerManager
import io.frz.benchmark.LinuxDevice
import io.frz.benchmark.ThermalStatus

/** What reports say about this phone. */
internal class Phone(private val context: Context) : LinuxDevice(facts(context)) {
    /** Returns the temperature of the hottest sensor that the app may read, or else of the battery, in °C. */
    override fun temperature(): Double? = super.temperature() ?: battery()

    /** Returns how much Android reduces the phone's performance; null before Android 10. */
    override fun thermalStatus(): ThermalStatus? =
        (power("getCurrentThermalStatus") as? Int)?.let { ThermalStatus.entries.getOrNull(it) }

    /** Returns the headroom of this moment; null before Android 11 and on phones that do not know it. */
    override fun thermalHeadroom(): Double? =
        (power("getThermalHeadroom", 0) as? Float)?.toDouble()?.takeIf { it >= 0 && it.isFinite() }

    /** Calls a method of the power manager that Android 5 does not have; returns null if it is missing or fails. */
    private fun power(method: String, vararg seconds: Int): Any? = try {
        val types = Array<Class<*>>(seconds.size) { Int::class.javaPrimitiveType!! }
        val manager = context.getSystemService(Context.POWER_SERVICE)
        PowerManager::class.java.getMethod(method, *types).invoke(manager, *seconds.toTypedArray())
    } catch (_: ReflectiveOperationException) {
        null
    }

    private fun battery(): Double? {
        val status = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED)) ?: return null
        val tenths = status.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, 0)
        return if (tenths > 0) tenths / 10.0 else null
    }

    internal companion object {
        /** Returns the version of this app. */
        fun version(context: Context): String =
            context.packageManager.getPackageInfo(context.packageName, 0).versionName.orEmpty()

        /** Returns facts about the phone, under the names that reports use. */
        fun facts(context: Context): Map<String, Any> {
            val memory = ActivityManager.MemoryInfo()
            (context.getSystemService(Context.ACTIVITY_SERVICE) as ActivityManager).getMemoryInfo(memory)
            val facts = linkedMapOf<String, Any>(
                "manufacturer" to Build.MANUFACTURER,
                "model" to Build.MODEL,
                "os" to "Android",
                "os_version" to Build.VERSION.RELEASE,
                "api_level" to Build.VERSION.SDK_INT,
                "cores" to Runtime.getRuntime().availableProcessors()
            )
            Build.SUPPORTED_ABIS.firstOrNull()?.let { facts["abi"] = it }
            if (memory.totalMem > 0) facts["memory"] = memory.totalMem
            return facts
        }
    }
}
