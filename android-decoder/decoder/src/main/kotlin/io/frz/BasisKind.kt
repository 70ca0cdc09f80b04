package io.frz

/**
 * What a tensor's core is multiplied by along one axis.
 *
 * @property id its number in files
 * @property label its name in the specification
 */
public enum class BasisKind(public val id: Int, public val label: String) {
    /** Leaves the axis as it is; if the core is shorter, the remaining elements are zero. */
    IDENTITY(0, "identity"),

    /** The first cosines of the axis's length; computed, never stored. */
    DCT(1, "dct"),

    /** A matrix stored in the file: one of [FrzFile.factors]. */
    STORED(2, "stored"),

    /** Pseudo-random numbers generated from a seed. */
    SEEDED(3, "seeded")
}
