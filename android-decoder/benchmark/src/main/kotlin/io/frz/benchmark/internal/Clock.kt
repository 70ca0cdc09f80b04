package io.frz.benchmark.internal

import java.util.concurrent.TimeUnit

/** A clock that threads can wait for. */
internal interface Clock {
    /** Returns the time in ns; only differences are meaningful. */
    fun nanos(): Long

    /** Waits for [nanos] ns, or not at all if that is negative. */
    fun sleep(nanos: Long)

    /** The clock of the Java virtual machine. */
    object System : Clock {
        override fun nanos(): Long = java.lang.System.nanoTime()

        override fun sleep(nanos: Long) = TimeUnit.NANOSECONDS.sleep(nanos)
    }
}
