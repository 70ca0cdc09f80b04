package io.frz

/**
 * The method that turns the values of a group into bytes.
 *
 * @property id the number that stands for it in a file
 * @property label its name in the specification
 */
public enum class Coder(public val id: Int, public val label: String) {
    NONE(0, "none"),
    DEFLATE(1, "deflate"),

    /** Zstandard; needs the library zstd-jni in addition to this one. */
    ZSTD(2, "zstd"),

    /** Integers and floats in the fewest bytes. */
    ADAPTIVE(3, "adaptive"),

    /** Integers and floats in slightly more bytes, several times faster. */
    STATIC(4, "static")
}
