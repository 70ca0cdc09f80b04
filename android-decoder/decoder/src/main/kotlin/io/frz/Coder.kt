package io.frz

/**
 * The method that turns the values of a group into bytes.
 *
 * @property id the number of the coder in files
 * @property label the name of the coder in the specification
 */
public enum class Coder(public val id: Int, public val label: String) {
    /** The bytes of the values, uncompressed. */
    NONE(0, "none"),

    /** Raw DEFLATE. */
    DEFLATE(1, "deflate"),

    /** Zstandard; requires the zstd-jni library. */
    ZSTD(2, "zstd"),

    /** Adaptive coding of integers and floats, which produces the smallest files. */
    ADAPTIVE(3, "adaptive"),

    /**
     * Table-based coding of integers and floats. Files are slightly larger than with [ADAPTIVE], but decode several
     * times faster.
     */
    STATIC(4, "static")
}
