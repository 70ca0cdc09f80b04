package io.frz

/**
 * How one tensor becomes numbers.
 *
 * @property id the number that stands for it in a file
 * @property label its name in the specification
 */
public enum class Coding(public val id: Int, public val label: String) {
    /** Its elements, one by one. */
    RAW(0, "raw"),

    /** The first coefficients of its discrete cosine transform, in zigzag order. */
    DCT(1, "dct")
}

/**
 * How the numbers of a segment become bytes.
 *
 * @property id the number that stands for it in a file
 * @property label its name in the specification
 */
public enum class Coder(public val id: Int, public val label: String) {
    NONE(0, "none"),
    DEFLATE(1, "deflate"),

    /** Needs the library zstd-jni beside this one. */
    ZSTD(2, "zstd"),
    RANGE(3, "range"),
    RANGE_CONTEXT(4, "range-ctx")
}

/**
 * How one coefficient is written. Integers are multiples of a step that each tensor has for itself.
 *
 * @property id the number that stands for it in a file
 * @property label its name in the specification
 * @property bytes the size of one number before it is coded
 */
public enum class NumberFormat(public val id: Int, public val label: String, public val bytes: Int) {
    F32(0, "f32", 4),
    F16(1, "f16", 2),
    BF16(2, "bf16", 2),
    I8(3, "i8", 1),
    I16(4, "i16", 2),
    I32(5, "i32", 4)
    ;

    /** Whether numbers are multiples of a step. */
    public val isInteger: Boolean get() = this == I8 || this == I16 || this == I32
}
