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
    val names: List<String>,
    val shapes: List<LongArray>,
    val elements: LongArray,
    val sizes: LongArray,
    val format: NumberFormat?,
    val kept: List<IntArray>,
    val steps: IntArray?,
    val views: List<LongArray?>?
) {
    /** The shape in which the spectrum of tensor [i] is taken. */
    fun spectrumShape(i: Int): LongArray = views?.get(i) ?: shapes[i]

    /** How many coefficients of tensor [i] the tiers up to [tier] hold. */
    fun kept(tier: Int, i: Int): Int = if (tier < 0 || kept.isEmpty()) 0 else kept[tier][i]

    /** How many bytes all tensors take when rebuilt. */
    val bytes: Long get() = elements.fold(0L) { sum, count -> saturatedSum(sum, count * dtype.bytes) }

    /** How many bytes tensor [i] takes when rebuilt. */
    fun bytes(i: Int): Long = elements[i] * dtype.bytes

    /** How many values the group's segment in [tier] has. */
    fun values(tier: Int): Long = when {
        coding == Coding.DCT -> names.indices.sumOf { (kept(tier, it) - kept(tier - 1, it)).toLong() }
        tier == 0 -> elements.fold(0L, ::saturatedSum)
        else -> 0
    }

    /** How many bytes one value has before it is coded. */
    val valueBytes: Int get() = format?.bytes ?: dtype.bytes
}

/** All that the directory says. */
internal class Directory(
    val groups: List<Group>,
    val metadata: Map<String, String>,
    val aliases: Map<String, String>,
    val tiers: Int
)
