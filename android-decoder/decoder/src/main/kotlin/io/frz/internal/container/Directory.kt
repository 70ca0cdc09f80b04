package io.frz.internal.container

import io.frz.internal.directory.Factors
import io.frz.internal.directory.Group

/**
 * The content of the directory.
 *
 * @property names the names of all tensors, group by group, followed by those of the aliases
 * @property factors all factors
 * @property base the SHA-256 of a delta file's base
 * @property targets for each alias, the number of its tensor
 */
internal class Directory(
    val groups: List<Group>,
    val metadata: Map<String, String>,
    val names: Names,
    val factors: Factors,
    val targets: IntArray,
    val tiers: Int,
    val base: ByteArray?
) {
    /** The number of tensors. */
    val tensors: Int = names.size - targets.size

    /** Returns the number of the tensor with the name or alias [name], or -1. */
    fun find(name: String): Int = names.find(name).let { if (it < tensors) it else targets[it - tensors] }

    /** Returns the aliases, mapped to the names of their tensors. */
    fun aliases(): Map<String, String> = targets.indices.associate { names[tensors + it] to names[targets[it]] }
}
