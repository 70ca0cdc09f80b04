package io.frz

/**
 * The kind of matrix by which a tensor's core is multiplied along one axis.
 *
 * @property id the number that stands for it in a file
 * @property label its name in the specification
 */
public enum class BasisKind(public val id: Int, public val label: String) {
    /** No matrix: the axis is stored as it is, or only its first elements are stored and all others are zero. */
    IDENTITY(0, "identity"),

    /** The first cosines of the axis's length, which are computed when needed. */
    DCT(1, "dct"),

    /** A matrix that the file stores: one of [FrzFile.factors]. */
    STORED(2, "stored"),

    /** Pseudo-random numbers, which a seed determines. */
    SEEDED(3, "seeded")
}
