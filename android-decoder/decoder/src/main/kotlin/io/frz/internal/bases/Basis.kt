package io.frz.internal.bases

/** The functions of a basis, sampled at the points of an axis: the matrix U in section 7 of the specification. */
internal interface Basis {
    /** The number of points. */
    val length: Int

    /** Whether the functions are the cosines for which fast transforms exist. */
    val hasTransform: Boolean get() = false

    /** Writes the first [count] functions at [point] to [out], starting at [to]. */
    fun atPoint(point: Int, count: Int, out: DoubleArray, to: Int = 0)

    /** Writes function [k] at [count] points, starting at [first], to [out]. */
    fun function(k: Int, first: Int, count: Int, out: DoubleArray)

    /** Returns an upper bound on the magnitude of function [k]. */
    fun bound(k: Int): Double
}
