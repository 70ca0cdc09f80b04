package io.frz

/**
 * The type of a tensor's elements.
 *
 * @property id its number in files
 * @property label its name in the specification, such as `f32`
 * @property bytes the size of one element
 */
public enum class DType(public val id: Int, public val label: String, public val bytes: Int) {
    BOOL(0, "bool", 1),
    U8(1, "u8", 1),
    I8(2, "i8", 1),
    U16(3, "u16", 2),
    I16(4, "i16", 2),
    U32(5, "u32", 4),
    I32(6, "i32", 4),
    U64(7, "u64", 8),
    I64(8, "i64", 8),
    F16(9, "f16", 2),
    BF16(10, "bf16", 2),
    F32(11, "f32", 4),
    F64(12, "f64", 8),
    C64(13, "c64", 8),
    C128(14, "c128", 16),
    F8_E4M3(15, "f8_e4m3", 1),
    F8_E5M2(16, "f8_e5m2", 1),
    F8_E8M0(17, "f8_e8m0", 1)
}
