package io.frz.loading.internal

import android.os.Handler
import android.os.Looper
import java.util.concurrent.Executor

/** Runs tasks on the app's main thread or, in a process without one, directly on the calling thread. */
internal object MainThread : Executor {
    override fun execute(task: Runnable) {
        val looper = mainLooper()
        if (looper == null) task.run() else Handler(looper).post(task)
    }

    private fun mainLooper(): Looper? = try {
        Looper.getMainLooper()
    } catch (_: LinkageError) {
        null // This is a JVM without Android's classes.
    }
}
