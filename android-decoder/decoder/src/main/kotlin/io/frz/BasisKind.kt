package io.frz

/**
 * The kind of a basis. A basis is the matrix by which a tensor's core is multiplied along one axis.
 *
 * @property id the number of the kind in files
 * @property label the name of the kind in the specification
 */
public enum class BasisKind(public val id: Int, public val label: String) {
    /** The identity; if the core is shorter than the axis, the remaining elements are zero. */
    IDENTITY(0, "identity"),

    /** The first basis functions of the DCT-II of the axis's length, computed rather than stored. */
    DCT(1, "dct"),

    /** A matrix stored in the file: one of [FrzFile.factors]. */
    STORED(2, "stored"),

    /** Pseudo-random numbers generated from a seed. */
    SEEDED(3, "seeded")
}
