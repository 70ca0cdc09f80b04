package io.frz.elm

import java.io.IOException

/** Thrown when a file does not contain an Extreme Learning Machine, or its parts do not fit together. */
public class ElmException internal constructor(message: String, cause: Throwable? = null) :
    IOException(message, cause) {
    private companion object {
        const val serialVersionUID = 1L
    }
}
