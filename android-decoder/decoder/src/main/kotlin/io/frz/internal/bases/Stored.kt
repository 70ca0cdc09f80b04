package io.frz.internal.bases

import io.frz.BasisKind
import io.frz.internal.Limits

/** `stored`: the rows of a factor, which is a matrix in the file. */
internal object StoredFamily : BasisFamily {
    override val kind = BasisKind.STORED
    override val most = Limits.COLUMNS
}

/** The first [count] rows of a [factor], whose rows are of [length]. */
internal class StoredBasis(override val length: Int, override val count: Int, private val factor: FloatArray) : Basis {
    override fun row(x: Int, out: DoubleArray, to: Int) {
        for (i in 0 until count) out[to + i] = factor[i * length + x].toDouble()
    }

    override fun column(i: Int, first: Int, size: Int, out: DoubleArray) {
        val start = i * length + first
        for (x in 0 until size) out[x] = factor[start + x].toDouble()
    }

    override fun bound(i: Int): Double {
        var most = 0f
        for (x in i * length until (i + 1) * length) most = maxOf(most, Math.abs(factor[x]))
        return most.toDouble()
    }
}
