package io.frz

import io.frz.internal.directory.Group
import io.frz.internal.values.stepSize
import io.frz.internal.zigzag.Box
import java.util.Collections

/**
 * The description of one tensor in a file, available without decoding it. A tensor is the product of a small core and
 * one basis for each axis of its view.
 */
public class TensorInfo internal constructor(
    internal val record: Group,
    internal val index: Int,
    private val tiers: Int,
    private val tier: Int
) {
    /** The tensor's name, unique in the file; empty for a factor. */
    public val name: String get() = record.name(index).orEmpty()

    /** The type of the elements. */
    public val dtype: DType get() = record.dtype

    /** The axis lengths; empty for a scalar. Each call returns a new array. */
    public val shape: LongArray get() = record.shape(index)

    /** The number of elements. */
    public val elements: Long get() = record.elements[index]

    /** The size of the rebuilt tensor in bytes. */
    public val bytes: Long get() = record.bytes(index)

    /** The shape to which the core and bases apply, or null if it is [shape]. Each call returns a new array. */
    public val view: LongArray? get() = record.axes.givenView(index)

    /** The basis of each axis of the view. */
    public val bases: List<BasisKind> get() = Collections.unmodifiableList(record.axes.kinds(index))

    /** For each [BasisKind.STORED] axis, in order, the index of its factor in [FrzFile.factors]. */
    public val factors: List<Int>
        get() = Collections.unmodifiableList(record.axes.factors?.get(index)?.map { it.toInt() }.orEmpty())

    /** The 64-bit seed of each [BasisKind.SEEDED] axis, in order. */
    public val seeds: List<Long> get() = Collections.unmodifiableList(record.axes.seeds?.get(index)?.asList().orEmpty())

    /**
     * The number of core entries in the open tier, in zigzag order; null if the core is a corner of the view.
     */
    public val kept: Int? get() = record.extents.run { if (kept == null) null else kept(index, tier) }

    /** The number of core entries in each tier of the file; empty if the core is a corner. */
    public val keptByTier: List<Int>
        get() = record.extents.run { if (kept == null) emptyList() else byTier { kept(index, it) } }

    /** The shape of the core in each tier of the file; empty if the file does not specify corners. */
    public val corners: List<LongArray>
        get() = record.extents.run { if (hasCorners) byTier { corner(index, it) } else emptyList() }

    /**
     * The shape of the smallest corner of the view that contains the core of the open tier. Each call returns a new
     * array.
     */
    public val box: LongArray
        get() = kept?.let { Box(record.axes.views[index]).of(it) } ?: record.extents.corner(index, tier)

    /**
     * A description of the layout of [FrzFile.coefficients] in the open tier, or null if the tensor has no
     * coefficients. For a spectrum, it is the shape of the view. For a core with factors, it is the tensor's shape,
     * followed by one number for each axis: the negated rank of its factor, or 0 if the axis has none. Each call
     * returns a new array.
     */
    public val form: LongArray?
        get() {
            val kinds = record.axes.kinds(index)
            return if (kept != null) {
                (view ?: shape).takeIf { kinds.isNotEmpty() && kinds.all { it == BasisKind.DCT } }
            } else {
                formOfFactors(kinds, shape, box)
            }
        }

    /** The number of [FrzFile.coefficients] in the open tier; 0 if there are none. */
    public val coefficients: Long
        get() = form?.let { kept?.toLong() ?: entries(it, box) } ?: 0

    /** Whether every tier of the file stores its own version of this tensor, complete or up to the tier's corner. */
    public val perTier: Boolean get() = record.extents.perTier

    /** The number format of the core's values; null if it is [dtype] or the values are quantized. */
    public val format: DType? get() = record.numbers.format

    /** The quantization step of the core's values, before step offsets are applied; null if they are not quantized. */
    public val step: Double? get() = record.numbers.steps?.let { stepSize(it[index]) }

    /** The axes that have a step offset for each index. */
    public val offsets: List<Int>
        get() = Collections.unmodifiableList(record.axes.kinds(index).indices.filter { record.numbers.hasOffsets(it) })

    /** The coder of the values. */
    public val coder: Coder get() = record.numbers.coder

    /** The index in [FrzFile.groups] of the group that stores the tensor. */
    public val group: Int get() = record.index

    private fun formOfFactors(kinds: List<BasisKind>, lengths: LongArray, corner: LongArray): LongArray? {
        val isFactored = view == null && BasisKind.STORED in kinds && kinds.indices.all {
            kinds[it] == BasisKind.STORED || (kinds[it] == BasisKind.IDENTITY && corner[it] == lengths[it])
        }
        if (!isFactored) return null
        return lengths + LongArray(lengths.size) { if (kinds[it] == BasisKind.STORED) -corner[it] else 0 }
    }

    /** Returns the number of entries of a core and its factors. */
    private fun entries(form: LongArray, corner: LongArray): Long {
        val core = corner.fold(1L) { count, length -> count * length }
        return corner.indices.fold(core) { count, axis -> count - form[corner.size + axis] * form[axis] }
    }

    private fun <T> byTier(of: (tier: Int) -> T): List<T> = Collections.unmodifiableList(List(tiers, of))

    override fun toString(): String = "$name ${dtype.label} ${shape.joinToString(",", "(", ")")}".trim()
}

/**
 * Tensors or factors that are stored together, as one segment for each tier.
 *
 * @property tensors the tensors or factors, in file order
 */
public class GroupInfo internal constructor(internal val record: Group, public val tensors: List<TensorInfo>) {
    /** The coder of the values. */
    public val coder: Coder get() = record.numbers.coder

    /**
     * The stored size of each tier in bytes, excluding checksums; a single entry if the first tier contains everything.
     */
    public val sizes: List<Long> get() = Collections.unmodifiableList(record.numbers.sizes.asList())

    /** The stored size of all tiers in bytes, excluding checksums. */
    public val storedBytes: Long get() = record.numbers.sizes.sum()
}
