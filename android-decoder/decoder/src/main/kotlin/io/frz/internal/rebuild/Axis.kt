package io.frz.internal.rebuild

import io.frz.internal.bases.Basis

/**
 * An axis of a tensor, along which [terms] entries of its core become [length] elements.
 *
 * @property basis the basis; null if core entries are themselves elements
 */
internal class Axis(val length: Int, val terms: Int, val basis: Basis?) {
    /** Whether the axis has elements without a core entry. */
    val isCut: Boolean get() = basis == null && terms < length

    companion object {
        /** Returns [axes] without trivial ones; neighboring axes are merged where possible. */
        fun joined(axes: List<Axis>): List<Axis> {
            val joined = ArrayList<Axis>()
            for (axis in axes) {
                val last = joined.lastOrNull()
                if (axis.basis == null && axis.length == 1) continue
                if (last != null && last.basis == null && axis.basis == null && !axis.isCut) {
                    joined[joined.size - 1] = Axis(last.length * axis.length, last.terms * axis.length, null)
                } else {
                    joined.add(axis)
                }
            }
            return joined
        }
    }
}
