package io.frz.internal.bases

import io.frz.BasisKind

/** `dct`: the first cosines of the axis's length. */
internal object DctFamily : BasisFamily {
    override val kind = BasisKind.DCT
    override val hasZigzag = true
    override val isOrthonormal = true

    /** That of length 1 is the number 1; all others depend on how cosines are computed. */
    override fun isExact(length: Long): Boolean = length == 1L
}
