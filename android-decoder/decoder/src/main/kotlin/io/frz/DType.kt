package io.frz

/**
 * The type of a tensor's elements.
 *
 * @property id the number of the type in files
 * @property label the name of the type in the specification, such as `f32`
 * @property bytes the size of one element
 */
public enum class DType(public val id: Int, public val label: String, public val bytes: Int) {
    /** Booleans, one byte each. */
    BOOL(0, "bool", 1),

    /** Unsigned 8-bit integers. */
    U8(1, "u8", 1),

    /** Signed 8-bit integers. */
    I8(2, "i8", 1),

    /** Unsigned 16-bit integers. */
    U16(3, "u16", 2),

    /** Signed 16-bit integers. */
    I16(4, "i16", 2),

    /** Unsigned 32-bit integers. */
    U32(5, "u32", 4),

    /** Signed 32-bit integers. */
    I32(6, "i32", 4),

    /** Unsigned 64-bit integers. */
    U64(7, "u64", 8),

    /** Signed 64-bit integers. */
    I64(8, "i64", 8),

    /** IEEE 754 half-precision floats. */
    F16(9, "f16", 2),

    /** bfloat16: the upper half of a single-precision float. */
    BF16(10, "bf16", 2),

    /** IEEE 754 single-precision floats. */
    F32(11, "f32", 4),

    /** IEEE 754 double-precision floats. */
    F64(12, "f64", 8),

    /** Complex numbers: two single-precision floats. */
    C64(13, "c64", 8),

    /** Complex numbers: two double-precision floats. */
    C128(14, "c128", 16),

    /** OCP 8-bit floats with 4 exponent bits and no infinities. */
    F8_E4M3(15, "f8_e4m3", 1),

    /** OCP 8-bit floats with 5 exponent bits. */
    F8_E5M2(16, "f8_e5m2", 1),

    /** OCP 8-bit powers of two. */
    F8_E8M0(17, "f8_e8m0", 1)
}
