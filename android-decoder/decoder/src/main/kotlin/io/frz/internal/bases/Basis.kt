package io.frz.internal.bases

/** A matrix of [length] rows and [count] columns, by which an axis is multiplied: U in section 7 of the specification. */
internal interface Basis {
    val length: Int
    val count: Int

    /** Row [x], in [out] from [to] on. */
    fun row(x: Int, out: DoubleArray, to: Int = 0)

    /** [size] numbers of column [i], the basis function number i, from [first] on. */
    fun column(i: Int, first: Int, size: Int, out: DoubleArray)

    /** The largest magnitude in column [i], or more. */
    fun bound(i: Int): Double
}
