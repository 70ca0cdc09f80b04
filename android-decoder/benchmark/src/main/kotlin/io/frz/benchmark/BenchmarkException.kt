package io.frz.benchmark

import java.io.IOException

/** Thrown when the suite's files are missing, damaged or of another version. The message is one line. */
public class BenchmarkException @JvmOverloads constructor(message: String, cause: Throwable? = null) :
    IOException(message, cause) {
    private companion object {
        const val serialVersionUID = 1L
    }
}
