package io.frz.internal.bases

import io.frz.BasisKind

/** `identity`: leaves the axis unchanged. */
internal object Identity : BasisFamily {
    override val kind = BasisKind.IDENTITY
    override val hasZigzag = true

    override fun basis(length: Int, arguments: BasisArguments): Basis? = null
}
