package io.frz.internal.container

import io.frz.internal.directory.Factors
import io.frz.internal.directory.Group

/**
 * The content of the directory.
 *
 * @property names the names of all tensors, group by group, followed by those of the aliases
 * @property factors all factors
 * @property targets the number of the tensor that each alias stands for
 */
internal class Directory(
    val groups: List<Group>,
    val metadata: Map<String, String>,
    val names: Names,
    val factors: Factors,
    val targets: IntArray,
    val tiers: Int
) {
    /** The number of tensors. */
    val tensors: Int = names.size - targets.size

    /** The number of the tensor called [name], which may be an alias, or -1. */
    fun find(name: String): Int = names.find(name).let { if (it < tensors) it else targets[it - tensors] }

    /** The aliases, and the names of the tensors that they stand for. */
    fun aliases(): Map<String, String> = targets.indices.associate { names[tensors + it] to names[targets[it]] }
}
