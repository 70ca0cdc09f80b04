package io.frz.onnxruntime

import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession

/** Configures the sessions that [FrzSession] creates, for example their number of threads or execution providers. */
public fun interface FrzSessionSetup {
    /**
     * Called on the loading thread before the session is created. The library closes [options]. An [OrtException] is
     * reported as [io.frz.loading.FrzLoadException.Kind.RUNTIME_FAILED].
     */
    @Throws(OrtException::class)
    public fun configure(options: OrtSession.SessionOptions)
}
