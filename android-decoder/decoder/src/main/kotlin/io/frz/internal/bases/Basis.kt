package io.frz.internal.bases

/** A matrix whose columns are functions, sampled at the points of an axis: U in section 7 of the specification. */
internal interface Basis {
    /** The number of points of the axis. */
    val length: Int

    /** Whether the functions are the cosines that fast transforms sum. */
    val hasTransform: Boolean get() = false

    /** Writes the first [count] functions at [point] to [out], from index [to] on. */
    fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int = 0)

    /** Function [k] at [count] points from [first] on. */
    fun function(k: Int, first: Int, count: Int, out: DoubleArray)

    /** An upper bound on the magnitude of function [k]. */
    fun bound(k: Int): Double
}
