package io.frz.internal.bases

import io.frz.BasisKind
import io.frz.internal.Limits

/** A kind of basis. Everything that depends on the kind is defined here. */
internal interface BasisFamily {
    val kind: BasisKind

    /** The maximum number of core entries along an axis of this kind. */
    val most: Long get() = Limits.AXIS

    /** Whether the core can be a prefix of the zigzag order. */
    val hasZigzag: Boolean get() = false

    /** Returns the basis of an axis of [length], or null for the identity. */
    fun basis(length: Int, arguments: BasisArguments): Basis?
}

/**
 * The data that the bases of a tensor need in addition to the axis lengths. Each method call returns the data of the
 * next axis that needs such data.
 */
internal interface BasisArguments {
    /** Returns the values of a factor, row by row. */
    fun factor(): FloatArray

    fun seed(): Long
}

/** The registry of bases; each kind has one entry. */
internal object Bases {
    private val all: Map<BasisKind, BasisFamily> =
        listOf(Identity, Dct, Stored, Seeded).associateBy { it.kind }

    fun of(kind: BasisKind): BasisFamily = all.getValue(kind)
}
