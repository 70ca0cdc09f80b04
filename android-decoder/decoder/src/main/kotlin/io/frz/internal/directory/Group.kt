package io.frz.internal.directory

import io.frz.BasisKind
import io.frz.Coder
import io.frz.DType
import io.frz.internal.saturatedProduct

/**
 * One group of the directory: tensors or factors that are stored in the same way.
 *
 * @property names the names of the tensors; null if they are factors
 * @property first the number of the group's first tensor among all tensors of the file, or of its first factor among
 *   all factors
 * @property elements the number of elements of each tensor
 */
internal class Group(
    val index: Int,
    val dtype: DType,
    val names: NameRange?,
    val first: Int,
    val elements: LongArray,
    val axes: Axes,
    val extents: Extents,
    val numbers: Numbers
) {
    /** The number of tensors. */
    val size: Int get() = elements.size

    val isFactors: Boolean get() = names == null

    fun shape(i: Int): LongArray = axes.shapes[i]

    /** Returns the name of tensor [i]; null if it is a factor. */
    fun name(i: Int): String? = names?.get(i)

    /** Returns the size of the rebuilt tensor [i] in bytes. */
    fun bytes(i: Int): Long = saturatedProduct(elements[i], dtype.bytes.toLong())

    /** Returns whether the values of tensor [i] are its elements, bit for bit. */
    fun isExact(i: Int): Boolean = !isFactors && numbers.areElements && axes.isIdentity(i)

    /** The type of a value; quantized values are [DType.I32]. */
    val valueType: DType get() = if (numbers.isStepped) DType.I32 else numbers.format ?: dtype

    /** Returns the tiers whose segments are needed at [tier]. */
    fun usedTiers(tier: Int): IntRange = when {
        extents.perTier -> tier..tier
        extents.isTiered -> 0..tier
        else -> 0..0
    }
}

/**
 * The axes of a group's tensors.
 *
 * @property shapes the shapes of the tensors
 * @property views the shapes to which cores and bases apply
 * @param given for each tensor, whether the file specifies its view; null if the file specifies no view
 * @property kinds the kinds of bases as the file lists them; the last one applies to all remaining axes
 * @property factors for each tensor, the factors of its stored axes; null if there are none
 * @property seeds for each tensor, the seeds of its seeded axes; null if there are none
 */
internal class Axes(
    val shapes: Lists,
    val views: Lists,
    private val given: BooleanArray?,
    val kinds: List<BasisKind>,
    val factors: Lists?,
    val seeds: Lists?
) {
    /** Returns the view of tensor [i], if the file specifies one. */
    fun givenView(i: Int): LongArray? = if (given != null && given[i]) views[i] else null

    /** Returns the kind of basis of axis [j] of every tensor. */
    fun kind(j: Int): BasisKind = kinds[minOf(j, kinds.size - 1)]

    /** Returns the kinds of basis of all axes of tensor [i]. */
    fun kinds(i: Int): List<BasisKind> = List(views.length(i), ::kind)

    /** Returns whether all bases of tensor [i] are identities. */
    fun isIdentity(i: Int): Boolean = (0 until views.length(i)).all { kind(it) == BasisKind.IDENTITY }
}

/**
 * Specifies how the values of a group are stored.
 *
 * @property format the number format of exact values; null if they are elements of the dtype
 * @property steps for each tensor, the code of its quantization step; null if values are exact
 * @property offsets a bit mask of the axes that have step offsets
 * @property sizes the stored size of each tier's segment
 * @property counts the number of values in each of these segments
 * @property isDelta whether the segments contain differences from the values of the base
 */
internal class Numbers(
    val format: DType?,
    val steps: IntArray?,
    val offsets: Int,
    val coder: Coder,
    val sizes: LongArray,
    val counts: LongArray,
    val isDelta: Boolean
) {
    val isStepped: Boolean get() = steps != null

    /** Whether the segments contain integers. */
    val areIntegers: Boolean get() = isStepped || isDelta

    /** Whether values are stored in the dtype itself. */
    val areElements: Boolean get() = format == null && !isStepped

    /** The number of values in the largest segment. */
    val mostCount: Long get() = counts.fold(0L, ::maxOf)

    /** Returns the number of values in the segment of [tier]. */
    fun count(tier: Int): Long = if (tier < counts.size) counts[tier] else 0

    /** Returns whether axis [j] has step offsets. */
    fun hasOffsets(j: Int): Boolean = offsets shr j and 1 == 1
}
