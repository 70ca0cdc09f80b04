package io.frz

import io.frz.internal.directory.Group
import io.frz.internal.values.stepSize
import io.frz.internal.zigzag.Box
import java.util.Collections

/**
 * The file's description of one tensor, which is known without decoding it. A tensor is a small core, multiplied along
 * each axis of its view by a basis.
 */
public class TensorInfo internal constructor(
    internal val record: Group,
    internal val index: Int,
    private val tiers: Int,
    private val tier: Int
) {
    /** The tensor's name, unique in the file; empty for a factor. */
    public val name: String get() = record.name(index).orEmpty()

    /** The type of its elements. */
    public val dtype: DType get() = record.dtype

    /** Its axis lengths; empty for a scalar. Each call returns a new array. */
    public val shape: LongArray get() = record.shape(index)

    /** The number of its elements. */
    public val elements: Long get() = record.elements[index]

    /** Its size in bytes when rebuilt. */
    public val bytes: Long get() = record.bytes(index)

    /** The shape that the core and the bases refer to, or null if that is [shape]. Each call returns a new array. */
    public val view: LongArray? get() = record.axes.givenView(index)

    /** The kind of basis of each axis of the view. */
    public val bases: List<BasisKind> get() = Collections.unmodifiableList(record.axes.kinds(index))

    /** For each axis that is [BasisKind.STORED], in order, its number in [FrzFile.factors]. */
    public val factors: List<Int>
        get() = Collections.unmodifiableList(record.axes.factors?.get(index)?.map { it.toInt() }.orEmpty())

    /** For each axis that is [BasisKind.SEEDED], in order, the 64 bits of its seed. */
    public val seeds: List<Long> get() = Collections.unmodifiableList(record.axes.seeds?.get(index)?.asList().orEmpty())

    /**
     * The number of entries of its core that the opened tier has, in zigzag order; null if the core is a corner of the
     * view.
     */
    public val kept: Int? get() = record.extents.run { if (kept == null) null else kept(index, tier) }

    /** The same for each tier of the file; empty if the core is a corner. */
    public val keptByTier: List<Int>
        get() = record.extents.run { if (kept == null) emptyList() else byTier { kept(index, it) } }

    /** For each tier of the file, the corner of the view that the core fills; empty if the file states none. */
    public val corners: List<LongArray>
        get() = record.extents.run { if (hasCorners) byTier { corner(index, it) } else emptyList() }

    /** The smallest corner of the view that contains the core of the opened tier. Each call returns a new array. */
    public val box: LongArray
        get() = kept?.let { Box(record.axes.views[index]).of(it) } ?: record.extents.corner(index, tier)

    /** Whether every tier of the file has its own version of this tensor. */
    public val perTier: Boolean get() = record.extents.perTier

    /** The number format of the core's values, or null if that is [dtype], or if they are multiples of steps. */
    public val format: DType? get() = record.numbers.format

    /** The step of which the core's values are multiples, before offsets change it; or null. */
    public val step: Double? get() = record.numbers.steps?.let { stepSize(it[index]) }

    /** The axes that have a step offset for each of their indices. */
    public val offsets: List<Int>
        get() = Collections.unmodifiableList(record.axes.kinds(index).indices.filter { record.numbers.hasOffsets(it) })

    /** How its values are coded. */
    public val coder: Coder get() = record.numbers.coder

    /** The index in [FrzFile.groups] of the group that contains it. */
    public val group: Int get() = record.index

    private fun <T> byTier(of: (tier: Int) -> T): List<T> = Collections.unmodifiableList(List(tiers, of))

    override fun toString(): String = "$name ${dtype.label} ${shape.joinToString(",", "(", ")")}".trim()
}

/** Tensors, or factors, that are stored together: one stream of bytes for each tier. */
public class GroupInfo internal constructor(internal val record: Group, public val tensors: List<TensorInfo>) {
    /** How its values are coded. */
    public val coder: Coder get() = record.numbers.coder

    /** The stored bytes of each tier, or only of the first if that holds everything; without checksums. */
    public val sizes: List<Long> get() = Collections.unmodifiableList(record.numbers.sizes.asList())

    /** The stored bytes of all tiers, without checksums. */
    public val storedBytes: Long get() = record.numbers.sizes.sum()
}
