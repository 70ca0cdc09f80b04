package io.frz.internal.directory

import io.frz.BasisKind
import io.frz.Coder
import io.frz.DType
import io.frz.internal.saturatedProduct

/**
 * One group of the directory: tensors that are stored alike.
 *
 * @property names of its tensors; null if they are factors
 * @property first the number of its first tensor among all of the file, or of its first factor among all factors
 * @property elements how many each tensor has
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
    /** How many tensors it has. */
    val size: Int get() = elements.size

    val isFactors: Boolean get() = names == null

    fun shape(i: Int): LongArray = axes.shapes[i]

    /** The name of tensor [i]; null if it is a factor. */
    fun name(i: Int): String? = names?.get(i)

    /** How many bytes tensor [i] takes when rebuilt. */
    fun bytes(i: Int): Long = saturatedProduct(elements[i], dtype.bytes.toLong())

    /** Whether the values of tensor [i] are its elements, bit for bit. */
    fun isExact(i: Int): Boolean = !isFactors && numbers.areElements && axes.isIdentity(i)

    /** The type of a value; integers are [DType.I32]. */
    val valueType: DType get() = if (numbers.isStepped) DType.I32 else numbers.format ?: dtype

    /** The tiers whose segments are used at [tier]. */
    fun usedTiers(tier: Int): IntRange = when {
        extents.perTier -> tier..tier
        extents.isTiered -> 0..tier
        else -> 0..0
    }
}

/**
 * The axes of a group's tensors.
 *
 * @property shapes those of the tensors
 * @property views the shapes in which cores and bases are meant
 * @param given whether the file gives the view of a tensor, or it is its shape; null if it gives none
 * @property kinds of bases as the file has them: the last one holds for all further axes
 * @property factors for each tensor, those of its axes that use one; null if there are none
 * @property seeds in the same way
 */
internal class Axes(
    val shapes: Lists,
    val views: Lists,
    private val given: BooleanArray?,
    val kinds: List<BasisKind>,
    val factors: Lists?,
    val seeds: Lists?
) {
    /** The view of tensor [i], if the file gives it. */
    fun givenView(i: Int): LongArray? = if (given != null && given[i]) views[i] else null

    /** What axis [j] of every tensor is multiplied by. */
    fun kind(j: Int): BasisKind = kinds[minOf(j, kinds.size - 1)]

    /** The kinds of all axes of tensor [i]. */
    fun kinds(i: Int): List<BasisKind> = List(views.length(i), ::kind)

    /** Whether all axes of tensor [i] are left as they are. */
    fun isIdentity(i: Int): Boolean = (0 until views.length(i)).all { kind(it) == BasisKind.IDENTITY }
}

/**
 * The numbers of a group, and how they are stored.
 *
 * @property format of exact values, if it is not the dtype
 * @property steps for each tensor the code of its step, if values are integers
 * @property offsets bits of the axes that have step offsets
 * @property sizes the stored bytes of each tier's segment
 * @property counts how many values each of these segments has
 */
internal class Numbers(
    val format: DType?,
    val steps: IntArray?,
    val offsets: Int,
    val coder: Coder,
    val sizes: LongArray,
    val counts: LongArray
) {
    val isStepped: Boolean get() = steps != null

    /** Whether they are of the dtype. */
    val areElements: Boolean get() = format == null && !isStepped

    /** How many values the largest segment has. */
    val mostCount: Long get() = counts.fold(0L, ::maxOf)

    /** How many values the segment of [tier] has. */
    fun count(tier: Int): Long = if (tier < counts.size) counts[tier] else 0

    /** Whether axis [j] has step offsets. */
    fun hasOffsets(j: Int): Boolean = offsets shr j and 1 == 1
}
