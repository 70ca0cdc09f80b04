package io.frz.internal.bases

import io.frz.BasisKind
import io.frz.internal.Limits

/** `stored`: the rows of a factor, a matrix in the file. */
internal object Stored : BasisFamily {
    override val kind = BasisKind.STORED
    override val most = Limits.COLUMNS

    override fun basis(length: Int, arguments: BasisArguments): Basis = Rows(length, arguments.factor())
}

/** The rows of [factor], of [length] points each. */
private class Rows(override val length: Int, private val factor: FloatArray) : Basis {
    override fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int) {
        for (k in 0 until count) out[to + k] = factor[k * length + point].toDouble()
    }

    override fun function(k: Int, first: Int, count: Int, out: DoubleArray) {
        val start = k * length + first
        for (i in 0 until count) out[i] = factor[start + i].toDouble()
    }

    override fun bound(k: Int): Double {
        var most = 0f
        for (at in k * length until (k + 1) * length) most = maxOf(most, Math.abs(factor[at]))
        return most.toDouble()
    }
}
