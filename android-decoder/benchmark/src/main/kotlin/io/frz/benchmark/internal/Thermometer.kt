package io.frz.benchmark.internal

import io.frz.benchmark.Device
import io.frz.benchmark.Heat
import io.frz.benchmark.ThermalStatus

/** Observes the heat of a device during a test. */
internal class Thermometer(private val device: Device) {
    private var worst: ThermalStatus? = null

    /** Call this between the runs of a test. */
    fun observe() {
        val status = device.thermalStatus() ?: return
        worst = maxOf(status, worst ?: status)
    }

    /** Returns the heat at the end of the test. Android answers questions about the headroom once a second. */
    fun read(): Heat {
        observe()
        return Heat(device.temperature(), worst, device.thermalHeadroom())
    }
}
