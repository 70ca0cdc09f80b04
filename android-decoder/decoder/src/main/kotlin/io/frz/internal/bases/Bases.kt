package io.frz.internal.bases

import io.frz.BasisKind
import io.frz.internal.Limits

/** A kind of basis. All code that depends on the kind is behind this interface. */
internal interface BasisFamily {
    val kind: BasisKind

    /** The largest number of entries that a core may have on the axis. */
    val most: Long get() = Limits.AXIS

    /** Whether a core may be a prefix of the zigzag order. */
    val hasZigzag: Boolean get() = false

    /** The basis of an axis of [length]; null if it is that of the identity. */
    fun basis(length: Int, arguments: BasisArguments): Basis?
}

/** What the bases of a tensor need besides lengths. Each call is for the next axis that needs such data. */
internal interface BasisArguments {
    /** The values of a factor, row by row. */
    fun factor(): FloatArray

    fun seed(): Long
}

/** All kinds of bases. To add one, add an entry here. */
internal object Bases {
    private val all: Map<BasisKind, BasisFamily> =
        listOf(Identity, Dct, Stored, Seeded).associateBy { it.kind }

    fun of(kind: BasisKind): BasisFamily = all.getValue(kind)
}
