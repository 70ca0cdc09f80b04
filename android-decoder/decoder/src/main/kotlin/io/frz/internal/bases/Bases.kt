package io.frz.internal.bases

import io.frz.BasisKind
import io.frz.internal.Limits

/** A kind of basis. Everything that depends on the kind is asked of it here. */
internal interface BasisFamily {
    val kind: BasisKind

    /** How many entries a core may have on the axis. */
    val most: Long get() = Limits.AXIS

    /** Whether a core may be a prefix of the zigzag order. */
    val hasZigzag: Boolean get() = false

    /** Whether the columns are orthonormal, so that terms cannot be much larger than their sum. */
    val isOrthonormal: Boolean get() = false

    /** Whether the basis has ones where row and column agree, and zeros elsewhere. */
    val selects: Boolean get() = false

    /** Whether every number of the basis is the same everywhere, bit for bit, for axes of [length]. */
    fun isExact(length: Long): Boolean = true
}

/** All kinds of bases. A new one is one more entry here. */
internal object Bases {
    private val all: Map<BasisKind, BasisFamily> =
        listOf(IdentityFamily, DctFamily, StoredFamily, SeededFamily).associateBy { it.kind }

    fun of(kind: BasisKind): BasisFamily = all.getValue(kind)
}
