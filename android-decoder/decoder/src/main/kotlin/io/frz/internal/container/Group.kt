package io.frz.internal.container

import io.frz.Coder
import io.frz.Coding
import io.frz.DType
import io.frz.NumberFormat
import io.frz.internal.saturatedSum

/** One group of the directory: tensors that share how they are stored. */
internal class Group(
    val index: Int,
    val coding: Coding,
    val dtype: DType,
    val coder: Coder,
    val names: NameRange,
    private val shapes: Shapes,
    val elements: LongArray,
    val sizes: LongArray,
    val format: NumberFormat?,
    val kept: Kept?,
    val steps: IntArray?,
    private val views: Shapes?
) {
    /** How many elements all tensors have. */
    private val allElements = elements.fold(0L, ::saturatedSum)

    fun shape(i: Int): LongArray = checkNotNull(shapes[i])

    /** The view of tensor [i], if it has one. */
    fun view(i: Int): LongArray? = views?.get(i)

    /** The shape in which the spectrum of tensor [i] is taken. */
    fun spectrumShape(i: Int): LongArray = view(i) ?: shape(i)

    /** How many coefficients of tensor [i] the tiers up to [tier] hold. */
    fun kept(tier: Int, i: Int): Int = kept?.of(tier, i) ?: 0

    /** How many coefficients of all tensors the tiers up to [tier] hold. */
    fun keptOfAll(tier: Int): Long = kept?.ofAll(tier) ?: 0

    /** How many bytes tensor [i] takes when rebuilt. */
    fun bytes(i: Int): Long = elements[i] * dtype.bytes

    /** How many values the group's segment in [tier] has. */
    fun values(tier: Int): Long = when {
        coding == Coding.DCT -> keptOfAll(tier) - keptOfAll(tier - 1)
        tier == 0 -> allElements
        else -> 0
    }

    /** How many bytes one value has before it is coded. */
    val valueBytes: Int get() = format?.bytes ?: dtype.bytes
}

/** How many coefficients each tier holds of each tensor, together with the tiers before it; and of all tensors. */
internal class Kept(private val counts: Array<IntArray>) {
    private val totals = LongArray(counts.size) { tier -> counts[tier].fold(0L) { sum, count -> sum + count } }

    val tiers: Int get() = counts.size

    fun of(tier: Int, i: Int): Int = if (tier < 0) 0 else counts[tier][i]

    fun ofAll(tier: Int): Long = if (tier < 0) 0 else totals[tier]
}

/**
 * All that the directory says.
 *
 * @property names those of all tensors, group by group, and then those of the aliases
 * @property targets the number of the tensor that each alias stands for
 */
internal class Directory(
    val groups: List<Group>,
    val metadata: Map<String, String>,
    val names: Names,
    val targets: IntArray,
    val tiers: Int
) {
    /** How many tensors there are. */
    val tensors: Int = names.size - targets.size

    /** The number of the tensor called [name], which may be an alias, or -1. */
    fun find(name: String): Int = names.find(name).let { if (it < tensors) it else targets[it - tensors] }

    /** The aliases, and the names of the tensors that they stand for. */
    fun aliases(): Map<String, String> = targets.indices.associate { names[tensors + it] to names[targets[it]] }
}
