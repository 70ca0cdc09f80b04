package io.frz

/**
 * What a tensor's core is multiplied by along one axis.
 *
 * @property id the number that stands for it in a file
 * @property label its name in the specification
 */
public enum class BasisKind(public val id: Int, public val label: String) {
    /** Nothing: the axis is as it is, or its first elements are there and all others are zero. */
    IDENTITY(0, "identity"),

    /** The first cosines of the axis's length, which are computed. */
    DCT(1, "dct"),

    /** A matrix that is in the file: one of [FrzFile.factors]. */
    STORED(2, "stored"),

    /** Pseudo-random numbers, which a seed determines. */
    SEEDED(3, "seeded")
}
