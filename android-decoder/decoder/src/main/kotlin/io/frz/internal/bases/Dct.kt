package io.frz.internal.bases

import io.frz.BasisKind

/** `dct`: the first basis functions of the DCT-II of the axis's length. */
internal object Dct : BasisFamily {
    override val kind = BasisKind.DCT
    override val hasZigzag = true

    /** Returns the basis of [length], or null for length 1, for which the basis is the identity. */
    override fun basis(length: Int, arguments: BasisArguments): Basis? = if (length == 1) null else Cosines(length)
}

/**
 * The orthonormal DCT-II basis of [length] points. Values are computed on demand, after their phases have been reduced
 * in integer arithmetic.
 */
internal class Cosines(override val length: Int) : Basis {
    private val wave = Wave(length)
    private val constant = Math.sqrt(1.0 / length)
    private val amplitude = Math.sqrt(2.0 / length)
    override val hasTransform = true

    override fun bound(k: Int): Double = if (k == 0) constant else amplitude

    override fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int) {
        wave.cosines(0, 2L * point + 1, count, amplitude, out, to)
        out[to] = constant
    }

    override fun function(k: Int, first: Int, count: Int, out: DoubleArray) =
        wave.cosines((2L * first + 1) * k, 2L * k, count, bound(k), out, 0)
}
