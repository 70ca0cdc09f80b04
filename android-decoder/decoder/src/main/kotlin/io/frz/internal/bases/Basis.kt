package io.frz.internal.bases

/** A matrix whose columns, the functions, are points of an axis: U in section 7 of the specification. */
internal interface Basis {
    /** How many points the axis has. */
    val length: Int

    /** Whether functions are the cosines that fast transforms sum. */
    val hasTransform: Boolean get() = false

    /** The first [count] functions at [point], in [out] from [to] on. */
    fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int = 0)

    /** Function [k] at [count] points from [first] on. */
    fun function(k: Int, first: Int, count: Int, out: DoubleArray)

    /** The most that function [k] ever reaches, or more. */
    fun bound(k: Int): Double
}
