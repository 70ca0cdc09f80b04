package io.frz

/**
 * The method that turns the values of a group into bytes.
 *
 * @property id its number in files
 * @property label its name in the specification
 */
public enum class Coder(public val id: Int, public val label: String) {
    /** The values themselves, uncompressed. */
    NONE(0, "none"),

    /** Raw DEFLATE. */
    DEFLATE(1, "deflate"),

    /** Zstandard; requires the zstd-jni library. */
    ZSTD(2, "zstd"),

    /** Adaptive coding of integers and floats: the smallest files. */
    ADAPTIVE(3, "adaptive"),

    /** Table-based coding of integers and floats: slightly larger files, decoded several times faster. */
    STATIC(4, "static")
}
