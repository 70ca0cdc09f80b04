package io.frz.benchmark

/**
 * How much a device reduces its performance because it is hot. The levels are those of Android.
 *
 * @property label the name in reports
 */
public enum class ThermalStatus(public val label: String) {
    /** The device does not reduce its performance. */
    NONE("none"),

    /** The user does not notice that performance is reduced. */
    LIGHT("light"),

    /** Performance is reduced, but not by much. */
    MODERATE("moderate"),

    /** The user notices that performance is reduced. */
    SEVERE("severe"),

    /** The device has done everything to use less power. */
    CRITICAL("critical"),

    /** The device switches off some of its components. */
    EMERGENCY("emergency"),

    /** The device is about to shut down. */
    SHUTDOWN("shutdown")
}

/**
 * The heat of the device during a test. Unknown values are null.
 *
 * @property temperature the temperature of the device after the test, in °C
 * @property status the worst status during the test
 * @property headroom the thermal headroom after the test: at 1, the status becomes [ThermalStatus.SEVERE]; the smaller
 *   the value, the cooler the device
 */
public class Heat internal constructor(
    public val temperature: Double? = null,
    public val status: ThermalStatus? = null,
    public val headroom: Double? = null
)
